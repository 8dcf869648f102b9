"""Appendix: how many rounds Online World Modeling takes, how much its replay keeps, and where its planner goes.

Two studies vary the task's recipe: the number of rounds, with the same number of simulated plans in all, and the number
of newest transitions that the replay keeps. For the recipe itself, each round is compared with the data: the places
that the planner visits (the first two numbers of a state) and the size of its actions.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from lab.data import HORIZON, Dataset
from lab.models import WorldModel
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.variants import Variant, measure, trained
from lab.tasks import make_task
from lab.training import Recipe
from lab.training.online import read_rounds

NAME = "online"
ROUNDS = (1, 2, 4, 8, 16)
REPLAY_ROUNDS = (1, 2, 4)  #: rounds' worth of transitions in the replay
CELLS = 24  #: along each side of the map
MARGIN = 0.1  #: of the data's range, on every side of the map


def run(config: Config) -> Result:
    """Train and evaluate all variants, and measure where the recipe's planner went in each round.

    Tables: those of `lab.studies.common.variants.measure`, ``rounds`` (share of the visited states that are new, and
    size of actions) and ``visits`` (the map); round 0 is the data.
    """
    started = time.perf_counter()
    recipe = config.recipe
    tables, meta = measure(config, NAME, "online", list(studies(recipe)))
    tables["rounds"], tables["visits"] = visited(config, recipe)
    meta |= {"recipe": repr(recipe.online), "places": list(make_task(config.task).state_fields[:2])}
    return Result(tables, provenance(config, started) | meta)


def studies(recipe: Recipe) -> Iterator[Variant]:
    """The variants of the ``recipe``. The recipe itself is one of the study ``rounds``; its replay keeps everything."""
    online = recipe.online
    plans = online.rounds * online.segments
    for rounds in sorted({*ROUNDS, online.rounds}):
        changed = (
            online if rounds == online.rounds else replace(online, rounds=rounds, segments=max(1, plans // rounds))
        )
        yield Variant("rounds", f"{rounds} round" + "s" * (rounds > 1), replace(recipe, online=changed))
    for replay_rounds in REPLAY_ROUNDS:
        capacity = replay_rounds * online.segments * HORIZON
        yield Variant("replay", f"last {capacity}", replace(recipe, online=replace(online, capacity=capacity)))


def visited(config: Config, recipe: Recipe) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables ``rounds`` and ``visits`` of the recipe's first training seed; see `run`."""
    seed = config.size.seeds[0]
    model = config.model("base", seed)
    data = recipe.data(config.task, config.size.seeds[0])
    rounds = [_offline(data, model), *read_rounds(trained(config, "online", seed, recipe) / "rounds")]
    edges = _edges(rounds[0][0])
    maps = [np.histogramdd(states[..., :2].reshape(-1, 2), edges)[0] for states, _ in rounds]
    known = maps[0] > 0
    rows = []
    for number, ((states, blocks), counts) in enumerate(zip(rounds, maps, strict=True)):
        n = states[..., 0].size
        size = np.sqrt((blocks.reshape(-1, model.spec.action_dim) ** 2).mean(-1))
        rows.append([number, n, 1 - counts[known].sum() / n, *np.quantile(size, (0.1, 0.5, 0.9))])
    columns = ["round", "states", "new", "action_p10", "action_p50", "action_p90"]
    return pd.DataFrame(rows, columns=columns), _map(maps, edges)


def _offline(data: Dataset, model: WorldModel) -> tuple[np.ndarray, np.ndarray]:
    """The data in the form of a round: states (N, T + 1, S), and standardised blocks (N, H, A)."""
    steps = data.actions.shape[1] // model.spec.frameskip * model.spec.frameskip
    return np.asarray(data.states), model.normalise_actions(np.array(data.actions[:, :steps])).numpy(force=True)


def _edges(states: np.ndarray) -> list[np.ndarray]:
    """The edges of the map's cells along x and y: the range of the data, widened by `MARGIN`."""
    places = states[..., :2].reshape(-1, 2)
    low, high = places.min(0), places.max(0)
    room = MARGIN * (high - low)
    return list(np.linspace(low - room, high + room, CELLS + 1).T)


def _map(maps: list[np.ndarray], edges: list[np.ndarray]) -> pd.DataFrame:
    """In long format, the centre of each visited cell, and its share of the round's states on the map."""
    x, y = np.meshgrid(*((e[:-1] + e[1:]) / 2 for e in edges), indexing="ij")
    parts = []
    for number, counts in enumerate(maps):
        visited = counts > 0
        shares = counts[visited] / counts.sum()
        parts.append(pd.DataFrame({"round": number, "x": x[visited], "y": y[visited], "share": shares}))
    return pd.concat(parts, ignore_index=True)
