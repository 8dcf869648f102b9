"""Figure 2: the planning loss over a 2-D slice of the action space, and how smooth it is under each model.

Two random orthonormal directions span each slice around the expert's actions on a problem with a data-set goal.
Directions and centre are the same for all models. The expert's actions are the centre because no model has chosen
them, and because they lead to the goal in the simulator. Slices around each model's own plan would show every model
elsewhere, and base where its errors have led the optimiser.
"""

import time

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from lab.data import Problems
from lab.evaluation.compare import average, compare
from lab.evaluation.slices import MEASURES, Slice, directions, landscape
from lab.evaluation.success import goal_distance
from lab.files import MODELS
from lab.models import WorldModel
from lab.models.protocols import see
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.protocol import Protocol

NAME = "fig2_landscape"
RADIUS = 15.0  #: as far as Adam's plans on the base model end from the expert's actions, in standardised actions
STORED_SLICES = 2  #: problems whose slices are stored, for the first training seed


def run(config: Config) -> Result:
    """Measure every slice under every model.

    Tables: ``slices`` (a row for each grid point), ``measures`` (a row for each slice; see `lab.evaluation.slices`),
    ``summary`` (means over slices) and ``differences`` (paired). The last two average over seeds.
    """
    started = time.perf_counter()
    protocol = Protocol(config.task, "dataset", config.size.slices, seed=config.seed)
    problems = protocol.problems()
    slices, measures = [], []
    for name, seed, model in tqdm(config.models(MODELS), desc=f"{NAME} {config.task}", unit="model", delay=2):
        keys = {"model": name, "train_seed": seed}
        loss_slice = slice_of(config, model, problems)
        measures.append(_measures(keys, loss_slice))
        if seed == config.size.seeds[0]:
            slices.append(_grid(keys, loss_slice))
    table = pd.concat(measures, ignore_index=True)
    tidy = table.melt(["model", "train_seed", "problem"], MEASURES, "measure")
    tables = {
        "summary": average(tidy, "value", ["measure", "model"]),
        "differences": compare(tidy, "value", ["measure"]),
        "measures": table,
        "slices": pd.concat(slices, ignore_index=True),
    }
    meta = {"protocols": [protocol.as_dict()], "radius": RADIUS, "points": config.size.points}
    return Result(tables, provenance(config, started) | meta)


def at_radius(config: Config, radius: float, slices: int = 5) -> dict[str, Slice]:
    """By model, the first ``slices``, each reaching ``radius`` to every side."""
    problems = Protocol(config.task, "dataset", config.size.slices, seed=config.seed).problems()[:slices]
    return {name: slice_of(config, config.model(name, config.size.seeds[0]), problems, radius) for name in MODELS}


def slice_of(config: Config, model: WorldModel, problems: Problems, radius: float = RADIUS) -> Slice:
    """The slices of B ``problems`` under ``model`` around the expert's actions, with the planning loss (B, G, G)."""
    assert problems.expert is not None
    centre = model.normalise_actions(problems.expert)
    plane = [direction.to(model.device) for direction in directions(config.seed, *centre.shape)]
    z0 = see(model, problems.environment, problems.starts)
    objective = goal_distance(model, problems, **config.objective)
    return landscape(model, z0, objective, centre, *plane, radius=radius, points=config.size.points)


def _measures(keys: dict, loss_slice: Slice) -> pd.DataFrame:
    return pd.DataFrame(keys | {"problem": np.arange(len(loss_slice.loss))} | loss_slice.measures())


def _grid(keys: dict, loss_slice: Slice) -> pd.DataFrame:
    """The first `STORED_SLICES` slices in long format: u along the rows of the grid, v along its columns."""
    losses = loss_slice.loss[:STORED_SLICES]
    problem, u, v = np.meshgrid(np.arange(len(losses)), loss_slice.axis, loss_slice.axis, indexing="ij")
    return pd.DataFrame(keys | {"problem": problem.ravel(), "u": u.ravel(), "v": v.ravel(), "loss": losses.ravel()})
