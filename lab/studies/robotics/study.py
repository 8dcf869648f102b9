"""Rope and Granular: how near to the goal pushes bring deformable matter, by every model and planner.

The measures are the symmetric Chamfer distance between the particles and the goal's at the end of an evaluation, and
the share of the start's distance that is removed. Success (a distance below the task's radius) is secondary: the radius
is our choice, and the original's (below zero) is never met.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from lab.errors import LabError
from lab.evaluation.compare import INTERVALS, average, compare, success_rates
from lab.files import MODELS
from lab.planning import MODES, RandomActions
from lab.planning.catalog import PAPER_PLANNERS as PLANNERS
from lab.plots.palette import label
from lab.plots.words import counted, in_cells, interval, percent
from lab.results import Result
from lab.studies.common.card import built_in
from lab.studies.common.config import Config, provenance
from lab.studies.common.filmstrips import FilmStrip, film_strip, stacked
from lab.studies.common.judge import FEWEST, verdict
from lab.studies.common.measure import Case, cases, measure_all
from lab.studies.common.protocol import Protocol
from lab.tasks import make_task
from lab.tasks.pushing import Pushing

NAME = "robotics"
N = 100  #: problems for each kind of goals at most, because a simulated push takes milliseconds
BY = ["goals", "model", "planner", "mode"]
CASE = ["goals", "planner", "mode"]


def run(config: Config) -> Result:
    """Plan, push, and measure every case on the same problems.

    Tables: ``chamfer`` (mean distance at the end and at the start, and the share that is removed), ``rates`` (success),
    ``differences`` (paired, of the final distance between models) and ``pairs`` (a row for each problem). All but the
    last average over seeds. Raises LabError for a task without particles.
    """
    started = time.perf_counter()
    radius = pushing(config).radius
    measured, meta = measure_all(config, NAME, list(todo(config)))
    measured = measured.assign(start=radius * measured["start"], chamfer=radius * measured.distance)
    pairs = measured[["goals", "model", "train_seed", "planner", "mode", "pair", "start", "chamfer", "success"]]
    return Result(statistics(pairs), provenance(config, started) | meta)


def todo(config: Config) -> Iterator[Case]:
    """Random pushes, then every planner on every model.

    CEM under MPC, by far the slowest, runs on the base model only.
    """
    base, models = config.model("base", config.size.seeds[0]), config.models(MODELS)
    long = {("cem", "mpc"): [("base", seed) for seed in config.size.seeds]}
    for protocol in _protocols(config).values():
        for mode in MODES:
            yield Case(protocol, "none", 0, base, "random", RandomActions(), mode)
        yield from cases(config, [protocol], models, PLANNERS, MODES, long)


def pushing(config: Config) -> Pushing:
    """The task of ``config``. Raises LabError if it has no particles."""
    task = make_task(config.task)
    if not isinstance(task, Pushing):
        raise LabError(
            f"{NAME} measures particles, and {config.task} has none: choose {' or '.join(built_in('particles'))}."
        )
    return task


def statistics(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables, from a row for each problem."""
    # Divided by the mean start of its kind of goals, so that the mean of this is the share that is removed
    start = pairs.groupby("goals")["start"].transform("mean")
    pairs = pairs.assign(removed=(pairs["start"] - pairs.chamfer) / start)
    chamfer = average(pairs, "chamfer", BY, "pair")
    removed = average(pairs, "removed", BY, "pair").drop(columns=["n", "seeds"])
    removed = removed.rename(columns={"mean": "removed"} | {name: f"removed_{name}" for name in INTERVALS})
    starts = pairs.groupby("goals", sort=False)["start"].mean().reset_index()
    models = pairs[pairs.model != "none"]
    return {
        "chamfer": chamfer.merge(removed, on=BY).merge(starts, on="goals"),
        "rates": success_rates(pairs, BY),
        "differences": compare(models, "chamfer", CASE, "pair"),
        "pairs": pairs.drop(columns="removed"),
    }


def as_table(result: Result) -> pd.DataFrame:
    """Share of the start's distance that is removed, in % with 95% intervals; a column for each planner."""
    table = result.tables["chamfer"]
    shares = table.assign(low=table.removed_low, high=table.removed_high)
    cells = [percent(row, "removed") for row in shares.itertuples()]
    wide = in_cells(table, cells, ["goals", "mode", "model"], "planner")
    return wide[[name for name in ("random", *PLANNERS) if name in wide]]


def sentences(result: Result, planner: str = "adam") -> list[str]:
    """How finetuning changes the final distance under ``planner``: a sentence for each comparison of models."""
    rows = result.tables["differences"].query("planner == @planner and ours in ('online', 'adversarial')")
    return [
        f"{label(row.ours)} minus {label(row.theirs)}, {label(planner)}, {label(row.mode)}, {row.goals} goals: "
        f"{interval(row, digits='+.3f')} (n = {row.n}, {counted(row.seeds, 'seed')}): "
        f"{_verdict(row)}"
        for row in rows.itertuples()
    ]


def film_strips(
    config: Config, goals: str = "dataset", planner: str = "adam", mode: str = "open", problem: int = 0
) -> FilmStrip:
    """The film strips of one problem, one for each model of the first training seed."""
    pushing(config)
    problems = _protocols(config)[goals].problems()[problem : problem + 1]
    strips = []
    for name in MODELS:
        model = config.model(name, config.size.seeds[0])
        outcome = config.evaluate(model, config.planner(planner, mode), problems, mode)
        strips.append(film_strip(model, outcome, slice(1)))
    return stacked(strips)


def _verdict(row) -> str:
    if row.n < FEWEST:
        return "too few problems to tell"
    return verdict(row.low, row.high, "farther from the goal", "closer to the goal", "no difference shown")


def _protocols(config: Config) -> dict[str, Protocol]:
    return {goals: replace(protocol, n=min(protocol.n, N)) for goals, protocol in config.protocols().items()}
