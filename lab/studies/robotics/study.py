"""Rope and Granular: how near the goal pushes bring deformable matter, by every model and planner.

The measure is the symmetric Chamfer distance between the particles and the goal's at the end of an evaluation, and
the share of the start's distance that is removed; success (a distance below the task's radius) comes second, because
the radius is our choice, and the original's (below zero) is never met.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pandas as pd
from tqdm.auto import tqdm

from lab.data import Problems
from lab.errors import LabError
from lab.evaluation.compare import average, compare, success_rates
from lab.evaluation.protocol import Protocol
from lab.files import MODELS
from lab.models import WorldModel
from lab.planning import MODES, Planner, RandomActions
from lab.plots.style import counted, label
from lab.plots.words import in_cells, interval, percent
from lab.results import Result
from lab.studies.common.card import ROBOTICS
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config, provenance
from lab.studies.common.judge import FEWEST, verdict
from lab.studies.common.strips import Strip, joined, strip
from lab.tasks import make_task
from lab.tasks.pushing import Pushing

NAME = "robotics"
PLANNERS = ("gd", "adam", "cem")
N = 100  #: problems for each kind of goals at most: every plan is executed in a simulator of milliseconds a push
BY = ["goals", "model", "planner", "mode"]
CASE = ["goals", "planner", "mode"]


def run(config: Config) -> Result:
    """Plan, push, and measure every case on the same problems.

    Tables: ``chamfer`` (mean final distance, the mean start distance, and the share of it removed, with bootstrap
    intervals over problems), ``rates`` (success), ``differences`` of the final distance between models (paired), all
    with seeds averaged; ``pairs`` (a row per problem). Raises LabError for a task without particles.
    """
    started = time.perf_counter()
    pushing(config)
    protocols = _protocols(config)
    todo, kept, rows = list(_cases(config)), Cases(NAME, config.task), []
    with tqdm(total=len(todo) * len(protocols), desc=f"{NAME} {config.task}", unit="run", delay=2) as bar:
        for goals, protocol in protocols.items():
            problems = protocol.problems()
            for model_name, seed, model, planner_name, planner, mode in todo:
                keys = {"goals": goals, "model": model_name, "train_seed": seed, "planner": planner_name, "mode": mode}
                settings = {"protocol": protocol.as_dict(), "settings": repr(planner)}
                make = partial(_outcomes, config, model, planner, problems, mode)
                rows.append(kept.rows(keys, settings, model, make))
                bar.update()
    about = {"protocols": [protocol.as_dict() for protocol in protocols.values()], "kept_cases": kept.kept}
    return Result(statistics(pd.concat(rows, ignore_index=True)), provenance(config, started) | about)


def pushing(config: Config) -> Pushing:
    """The task of ``config``; raises LabError unless it is one of this experiment's."""
    task = make_task(config.task)
    if not isinstance(task, Pushing):
        raise LabError(f"{NAME} measures particles, and {config.task} has none: choose {' or '.join(ROBOTICS)}.")
    return task


def statistics(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables, from the row of each problem."""
    # The problems' mean start is a constant of a kind of goals: the mean of this is the share of it that is removed
    start = pairs.groupby("goals")["start"].transform("mean")
    pairs = pairs.assign(removed=(pairs["start"] - pairs.chamfer) / start)
    chamfer = average(pairs, "chamfer", BY, "pair")
    removed = average(pairs, "removed", BY, "pair").rename(columns={"mean": "removed"})
    removed = removed.rename(columns={"low": "removed_low", "high": "removed_high"}).drop(columns=["n", "seeds"])
    starts = pairs.groupby("goals", sort=False)["start"].mean().reset_index()
    models = pairs[pairs.model != "none"]
    return {
        "chamfer": chamfer.merge(removed, on=BY).merge(starts, on="goals"),
        "rates": success_rates(pairs, BY),
        "differences": compare(models, "chamfer", CASE, "pair"),
        "pairs": pairs.drop(columns="removed"),
    }


def as_table(result: Result) -> pd.DataFrame:
    """Share of the start's distance that is removed, planners across, in % with 95% intervals."""
    table = result.tables["chamfer"]
    shares = table.drop(columns=["low", "high"]).rename(columns={"removed_low": "low", "removed_high": "high"})
    cells = [percent(row, "removed") for row in shares.itertuples()]
    wide = in_cells(table, cells, ["goals", "mode", "model"], "planner")
    return wide[[name for name in ("random", *PLANNERS) if name in wide]]


def sentences(result: Result, planner: str = "adam") -> list[str]:
    """What finetuning does to where ``planner`` ends, one sentence for each comparison with base and control."""
    rows = result.tables["differences"].query("planner == @planner and ours in ('online', 'adversarial')")
    return [
        f"{label(row.ours)} minus {label(row.theirs)}, {label(planner)}, {label(row.mode)}, {row.goals} goals: "
        f"{interval(row, digits='+.3f')} (n = {row.n}, {counted(row.seeds, 'seed')}): "
        f"{_verdict(row)}"
        for row in rows.itertuples()
    ]


def film(config: Config, goals: str = "dataset", planner: str = "adam", mode: str = "open", problem: int = 0) -> Strip:
    """What every model (first training seed) makes of one problem."""
    pushing(config)
    problems = _protocols(config)[goals].problems()[problem : problem + 1]
    films = []
    for name in MODELS:
        model = config.model(name, config.size.seeds[0])
        outcome = config.evaluate(model, config.planner(planner, mode), problems, mode)
        films.append(strip(model, outcome, slice(1)))
    return joined(films)


def _verdict(row) -> str:
    if row.n < FEWEST:
        return "too few problems to tell"
    return verdict(row.low, row.high, "farther from the goal", "closer to the goal", "no difference shown")


def _protocols(config: Config) -> dict[str, Protocol]:
    return {goals: replace(protocol, n=min(protocol.n, N)) for goals, protocol in config.protocols().items()}


def _cases(config: Config) -> Iterator[tuple[str, int, WorldModel, str, Planner, str]]:
    """(model name, training seed, model, planner name, planner, mode): random pushes, then everything.

    Gradient planning in open loop is averaged over the training seeds; CEM and MPC, slower, have the first, and CEM
    under MPC the base model only.
    """
    first = config.size.seeds[0]
    base = config.model("base", first)
    for mode in MODES:
        yield "none", 0, base, "random", RandomActions(), mode
    for name, seed, model in config.models(MODELS):
        for planner, mode in itertools.product(PLANNERS, MODES):
            costly = (planner == "cem") + (mode == "mpc")
            if not costly or (seed == first and (costly == 1 or name == "base")):
                yield name, seed, model, planner, config.planner(planner, mode), mode


def _outcomes(config: Config, model: WorldModel, planner: Planner, problems: Problems, mode: str) -> pd.DataFrame:
    """A row for each problem: the distance at the start and at the end, and whether it was ever a success."""
    task = pushing(config)
    outcome = config.evaluate(model, planner, problems, mode)
    return pd.DataFrame(
        {
            "pair": range(len(problems)),
            "start": task.chamfer(problems.starts, problems.goals),
            "chamfer": task.chamfer(outcome.trajectory[:, -1], problems.goals),
            "success": outcome.success["full"].astype(int),
        }
    )
