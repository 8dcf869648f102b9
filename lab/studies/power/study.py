"""Optimisation power: what more steps, longer steps and more starts buy on every model, and why plans still fail.

Data-set goals, open loop. Power is counted in calls: rollouts of the model for one problem. A rollout that is
differentiated counts as `BACKWARD` (forward, and about twice as much backward; by time it is 2.7 on PushT). The loss at
the success boundary is measured on the tune split, for the encoder of each training seed. Adam's step is constant and
its starts are single random ones, whatever the task's settings: then one run shows the plans of shorter ones.

Why a problem was missed is decided with plans that are known to be good: those of the same planner, from `STARTS`
starts, with the exact simulator as its model. On tasks without a simulator in torch they are the expert's actions.
"""

import functools
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from lab.evaluation.anatomy import CAUSES, KINDS, Attempts, around_goals, attempts, boundary_loss, judged, known_plans
from lab.evaluation.compare import INTERVALS, average, compare, success_rates
from lab.files import MODELS
from lab.planning import GradientPlanner, shortened
from lab.planning.planner import IterativePlanner
from lab.plots.palette import LABELS
from lab.plots.words import counted, percent
from lab.results import Result
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config, provenance
from lab.studies.common.measure import NamedModel, problems_of
from lab.studies.common.protocol import Protocol

NAME = "power"
GOALS = "dataset"
BACKWARD = 3  #: calls that a differentiated rollout counts as
CEM = "base (cem)"  #: whom all are compared with, at equal calls and at equal time
POWER = ["planner", "step", "restarts", "iterations"]
CASE = ["model", *POWER]
COSTS = {"calls": "calls", "time": "seconds"}  #: what CEM spends as much of, and its column
MEASURES = ("any", "chosen", "best", "correlation")
STARTS = 8  #: of Adam through the exact simulator, from one of which alone it misses goals, too
#: of CEM at equal time, it follows from times how many iterations that is
TIMES = {"success": ["seconds"], "differences": ["theirs_iterations", "difference", *INTERVALS]}


@dataclass(frozen=True)
class Search:
    """One run of a planner for each problem, in which several powers can be read off."""

    planner: str
    step: float  #: learning rate; 0 for CEM, which has none
    iterations: tuple[int, ...]  #: after which plans are taken; the last is the length of the run
    restarts: tuple[int, ...] = (1,)  #: so many starts the plan is chosen from; the last is the number of starts

    @property
    def strong(self) -> bool:
        """Whether it takes so long that only the preset's ``strong`` problems are planned."""
        return self.planner == "cem" or self.restarts[-1] > 1


#: step .1 is the lab's, .3 x 300 the authors' (``conf/plan_*.yaml``); CEM has as many calls after 1, 3 and 32
#: iterations of 300 samples as Adam after 100, 300, and 100 from 32 starts
SEARCHES = (
    Search("adam", 0.1, (10, 30, 100, 300)),
    Search("adam", 0.3, (10, 30, 100, 300)),
    Search("adam", 0.1, (100,), (2, 4, 8, 16, 32)),
    Search("adam", 0.3, (100,), (2, 4, 8)),
    Search("cem", 0.0, (1, 3, 8, 16, 32)),
)


def run(config: Config) -> Result:
    """Plan with every power on every model, with CEM on the base model.

    Tables: ``success`` (rates, calls and seconds for each power), ``anatomy`` (the share of each kind of plan, see
    `lab.evaluation.anatomy`), ``causes`` (the share of problems that were missed for each cause), ``known`` (success of
    the plans that decide on causes), ``choice`` (from several starts: `Attempts.choice`), ``differences`` (see
    `differences`) and ``pairs`` (a row for each problem).
    """
    started = time.perf_counter()
    boundary, stored = {seed: boundary_of(config, seed) for seed in config.size.seeds}, Cases(NAME, config.task)
    todo = [(search, model) for model in config.models(MODELS) for search in searches(config, model[0])]
    bar = tqdm(todo, desc=f"{NAME} {config.task}", unit="run", delay=2)
    parts = [measure(config, search, model, boundary[model[1]], stored) for search, model in bar]
    measured = pd.concat(parts, ignore_index=True)
    protocol = config.protocols((GOALS,))[GOALS]
    meta = {"protocols": [protocol.as_dict()], "boundary": list(boundary.values()), "kept_cases": stored.kept}
    return Result(tables(measured), provenance(config, started, TIMES) | meta)


def boundary_of(config: Config, seed: int) -> float:
    """The loss at the task's success boundary, on the tune split, for the models of one training seed."""
    protocol = Protocol(config.task, GOALS, config.size.tune, "tune", config.seed)
    problems, model = protocol.problems(), config.model("base", seed)
    states, goals = around_goals(model, problems)
    return boundary_loss(model, problems.environment, states, goals, config.card.settings.proprio)


def searches(config: Config, model: str) -> Iterator[Search]:
    """Those of `SEARCHES` that ``model`` gets, with no more iterations than the preset allows."""
    most = config.size.iterations
    for search in SEARCHES:
        if search.planner != "cem" or model == "base":
            iterations = {min(count, most) for count in search.iterations} if most else search.iterations
            yield replace(search, iterations=tuple(sorted(iterations)))


def planner_of(config: Config, search: Search) -> IterativePlanner:
    """The task's planner with the search's step and length, from one start."""
    options: dict[str, Any] = {"iterations": search.iterations[-1]}
    if search.planner == "adam":
        options |= {"lr": search.step, "restarts": 1, "candidates": 1, "cooling": 1.0}
    planner: Any = config.planner(search.planner)  # a dataclass
    return shortened(replace(planner, **options), config.size.iterations)


def measure(config: Config, search: Search, model: NamedModel, boundary: float, stored: Cases) -> pd.DataFrame:
    """A row for each problem and power of ``search``, from ``stored`` if it is there.

    Columns: model, train_seed, `POWER`, pair; of the chosen plan ``success``, ``kind``, and ``predicted`` and ``true``
    loss; of all its starts ``any``, ``best`` and ``correlation``; ``cause`` of a miss, and ``known``, whether the plan
    that is known to be good succeeds; ``calls``, and ``seconds`` of planning.
    """
    name, seed, network = model
    planner, protocol = planner_of(config, search), config.protocols((GOALS,))[GOALS]
    n = min(protocol.n, config.size.strong) if search.strong else protocol.n
    proprio = config.card.settings.proprio

    def make() -> pd.DataFrame:
        problems, starts = problems_of(protocol)[:n], search.restarts[-1]
        options = {"after": search.iterations, "proprio": proprio, "seed": config.seed}
        found = attempts(network, planner, problems, starts, **options)
        known = judged(network, problems, good_plans(config, search.planner)[:n], proprio=proprio)
        parts = [
            rows(these.first(count), boundary, known).assign(restarts=count, iterations=iterations)
            for iterations, these in found.items()
            for count in search.restarts
        ]
        table = pd.concat(parts, ignore_index=True)
        return table.assign(calls=calls(planner) * table.iterations * table.restarts)

    keys = {"model": name, "train_seed": seed, "planner": search.planner, "step": search.step}
    settings = {"protocol": protocol.as_dict(), "n": n, "search": asdict(search), "planner": repr(planner)}
    return stored.rows(keys, settings | {"proprio": proprio, "boundary": boundary}, network, make)


@functools.lru_cache(maxsize=2)
def good_plans(config: Config, planner_name: str) -> np.ndarray:
    """The `known_plans` (n, T, a) of Adam or CEM, for the problems that it gets."""
    search = next(search for search in reversed(SEARCHES) if search.planner == planner_name)
    planner, problems = planner_of(config, search), problems_of(config.protocols((GOALS,))[GOALS])
    if isinstance(planner, GradientPlanner):
        return known_plans(replace(planner, lr=0.1, restarts=STARTS), problems, config.seed)
    return known_plans(planner, problems[: config.size.strong], config.seed)


def rows(found: Attempts, boundary: float, known: Attempts) -> pd.DataFrame:
    """A row for each problem: what became of the chosen plan, how it was chosen, and why the problem was missed."""
    choice = found.choice()
    columns = {
        "pair": np.arange(len(found.success)),
        "success": choice["chosen"].astype(int),
        "kind": found.chosen(found.kinds(boundary)),
        "predicted": found.chosen(found.predicted),
        "true": found.chosen(found.true),
        "cause": found.causes(known),
        "known": known.success[:, 0].astype(int),
    }
    columns |= {name: choice[name].astype(float) for name in ("any", "best", "correlation")}
    return pd.DataFrame(columns | {"seconds": found.seconds / len(found.success)})


def calls(planner: IterativePlanner) -> int:
    """The calls of one iteration from one start."""
    return getattr(planner, "samples", BACKWARD)


def tables(measured: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of `run`, from a row for each problem and power."""
    success = success_rates(measured, CASE).merge(costs(measured, CASE), on=CASE)
    known = measured.drop_duplicates(["planner", "pair"]).assign(success=lambda table: table.known)
    several = measured[measured.restarts > 1].assign(chosen=lambda table: table.success.astype(float))
    pairs = measured[[*CASE, "train_seed", "pair", "success", "kind", "cause", "predicted", "true"]]
    return {
        "success": success,
        "anatomy": shares(measured, "kind", KINDS),
        "causes": shares(measured, "cause", CAUSES),
        "known": success_rates(known, ["planner"]),
        "choice": _averages(several, MEASURES, "measure"),
        "differences": differences(measured),
        "pairs": pairs,
    }


def costs(measured: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Calls and seconds of a problem, for each group of ``by``."""
    return measured.groupby(by, sort=False)[list(COSTS.values())].mean().reset_index()


def differences(measured: pd.DataFrame) -> pd.DataFrame:
    """Paired differences in success at each power of Adam.

    ``equal`` says of what: of *power*, between models; of *calls* or *time*, to CEM on the base model after the most
    iterations that take no more calls or time than ours (the fewest there are, where all take more). Their number is
    in the column ``theirs_iterations``.
    """
    adam, cem = measured[measured.planner != "cem"], measured[measured.planner == "cem"]
    models = compare(adam, "success", POWER, "pair")
    powers = [rows for _, rows in adam.groupby(POWER, sort=False)]
    parts = [models.assign(equal="power", theirs_iterations=models.iterations)]
    return pd.concat([*parts, *(_to_cem(rows, cem, equal) for rows in powers for equal in COSTS)], ignore_index=True)


def _to_cem(ours: pd.DataFrame, cem: pd.DataFrame, equal: str) -> pd.DataFrame:
    """Differences of one power of Adam, on every model, to CEM at ``equal`` calls or time, over CEM's problems."""
    cost = COSTS[equal]
    iterations = affordable(costs(cem, ["iterations"]), cost, ours[cost].mean())
    power: dict[str, Any] = ours[POWER].iloc[0].to_dict()
    theirs = cem[cem.iterations == iterations].assign(**power, model=CEM)
    both = pd.concat([ours[ours["pair"].isin(theirs["pair"])], theirs])
    found = compare(both, "success", POWER, "pair", [(model, CEM) for model in MODELS])
    return found.assign(equal=equal, theirs_iterations=iterations)


def affordable(cem: pd.DataFrame, cost: str, most: float) -> int:
    """The most iterations that cost no more than ``most`` (up to rounding); the fewest, where all cost more."""
    within = cem[cem[cost] <= most * (1 + 1e-9)]
    return int(within.iterations.max() if len(within) else cem.iterations.min())


def strongest(table: pd.DataFrame, restarts: int | None = None) -> pd.DataFrame:
    """The rows of ``table`` with the most starts and iterations of Adam, at the step that has them.

    With ``restarts``, those with the most iterations of as many starts at the same step.
    """
    adam = table[table.planner == "adam"]
    ordered = adam.sort_values(["restarts", "iterations"], kind="stable")
    top = ordered[POWER].iloc[-1]
    if restarts is not None:
        top = ordered[(ordered.step == top.step) & (ordered.restarts == restarts)][POWER].iloc[-1]
    return adam[(adam[POWER] == top).all(axis=1)]


def sentences(result: Result) -> str:
    """The `lines`, one below the other."""
    return "\n".join(lines(result))


def lines(result: Result) -> Iterator[str]:
    """For each model at the strongest power: kinds of plans, the choice among starts, and why problems were missed.

    Beside it, why problems were missed from one start.
    """
    anatomy, causes, choice = (strongest(result.tables[name]) for name in ("anatomy", "causes", "choice"))
    alone = strongest(result.tables["causes"], restarts=1)
    for model, kinds in anatomy.groupby("model", sort=False):
        first = next(kinds.itertuples())
        ok, stuck, deceived, metric = _shares(kinds, "kind", KINDS)
        why, why_alone = (table[table.model == model] for table in (causes, alone))
        any_start, chosen, best, _ = _shares(choice[choice.model == model], "measure", MEASURES)
        one, (reached, *_) = next(why_alone.itertuples()), _shares(why_alone, "cause", CAUSES)
        yield (
            f"{LABELS[first.model]}, {words(first)} ({counted(first.n, 'problem')}, "
            f"{counted(first.seeds, 'training seed')}): {ok} reach the goal. Stuck: {stuck}, deceived: {deceived}, "
            f"metric: {metric}. Some start succeeds in {any_start}; the least predicted loss finds one in {chosen}, "
            f"the least true loss in {best}. Problems missed because of {_causes(why)}. From one start, "
            f"{words(one)} ({counted(one.n, 'problem')}): {reached} reach the goal; problems missed because of "
            f"{_causes(why_alone)}."
        )


def _causes(causes: pd.DataFrame) -> str:
    """The share of each cause in a model's rows."""
    _, search, cost, wrong, unknown = _shares(causes, "cause", CAUSES)
    return f"the search: {search}, the cost: {cost}, the model: {wrong}; of unknown cause: {unknown}"


def words(row: Any) -> str:
    """``Adam 0.1, 8 x 100``: planner, step, starts and iterations of a table's ``row``."""
    if row.planner == "cem":
        return f"CEM, {row.iterations}"
    return f"Adam {row.step:.2g}, {row.restarts} x {row.iterations}"


def shares(measured: pd.DataFrame, column: str, values: tuple[str, ...]) -> pd.DataFrame:
    """The share (``mean``) of problems with each of ``values`` in ``column``, for each power; a success rate each."""
    tidy = [measured.assign(**{column: value, "success": 1.0 * (measured[column] == value)}) for value in values]
    return success_rates(pd.concat(tidy), [*CASE, column]).rename(columns={"rate": "mean"})


def _averages(table: pd.DataFrame, values: tuple[str, ...], name: str) -> pd.DataFrame:
    """The average of each of the columns ``values``, whose names are in the column ``name``."""
    tidy = table.melt([*CASE, "train_seed", "pair"], values, name, "share")
    return average(tidy, "share", [*CASE, name], "pair")


def _shares(table: pd.DataFrame, column: str, names: tuple[str, ...]) -> list[str]:
    """The mean of each of ``names`` in ``column``, in percent with its interval."""
    rows = {getattr(row, column): row for row in table.itertuples()}
    return [percent(rows[name], "mean", unit="%") for name in names]
