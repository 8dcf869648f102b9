"""Figure 3: success against planning time, for every planner at several numbers of iterations (open loop).

The planners are the paper's, Adam with restarts, all to the end or in a race, and Adam started from the initialisation
network if there is one for the encoder. All get the same problems.

Time is wall-clock. Planners and models alternate in one run, so that a busy machine is unfair to none of them. There
are two clocks: ``batch``, the time per problem when all are planned together, and ``single``, the time of one plan made
alone. The models of a task differ in their weights only, so that every measurement can be repeated. By ``batch`` on
each model: the median counts, because times of one planner differ by up to 1.7 times. By ``single`` several times on
the first model: the least counts, because a plan is short and other work of the machine can only add to it. Everything
runs on one thread: threads that wait for each other on a busy machine take many times as long. Neither clock includes
the simulator.

At preset full and with JAX there is a third time, of a plan made alone whose loop is one program, compiled before: CEM
gains by that as well. No verdict depends on it.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import cast

import pandas as pd
import torch
from tqdm.auto import tqdm

from lab.data import HORIZON, Problems
from lab.errors import LabError
from lab.evaluation.compare import INTERVALS, Paired, paired, success_rates
from lab.evaluation.success import goal_distance, now
from lab.files import MODELS
from lab.models import WorldModel
from lab.models.protocols import see
from lab.planning import Initialised, Planner, PlanRequest, no_warm_start, on_backend, shortened
from lab.planning.planner import IterativePlanner
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.judge import MARGIN
from lab.studies.common.measure import Case, measure, problems_of
from lab.training.initialisation import STARTED, find_initialisation
from lab.training.latents import encoder_hash

NAME = "fig3_efficiency"
GOALS = "dataset"
ITERATIONS = {
    "gd": (3, 10, 30, 60, 100, 300),
    "adam": (3, 10, 30, 60, 100, 300),
    "restarts": (1, 5, 10, 20, 30, 40, 100),
    "raced": (10, 20, 30, 40, 60, 80, 100),
    "cem": (1, 3, 10),
    STARTED: (3, 5, 10, 20, 40, 100),
}
SINGLES = 5  #: plans made alone for each planner and number of iterations; the least time counts
CLOCKS = {"batch": "seconds_per_problem", "single": "seconds_single"}
COMPILED = "seconds_compiled"  #: a column where JAX is, with what it has no loop of left empty
#: of `ratios`: what follows from times, such as the row chosen for the rule "a tenth"
FOLLOWING = ["met", "iterations", "rate", "ratio", "difference", *INTERVALS]
SHARE = 0.1  #: of CEM's time, in which gradient planning is as good by the paper
CASE = ["model", "train_seed", "planner", "iterations"]


@dataclass(frozen=True)
class Rung(Case):
    """A case whose planner is shortened to ``iterations``."""

    iterations: int = 0


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch runs on one thread in the context, and on as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def run(
    config: Config,
    on_case: Callable[[pd.DataFrame, float], None] | None = None,
    further: Mapping[str, WorldModel] | None = None,
) -> Result:
    """Run and time every case.

    Tables: ``efficiency`` (a row for each case, with its own times), ``curves`` (median and least times), ``ratios``
    (see `ratios`) and ``pairs`` (a row for each problem). ``on_case`` is called after each case, with the curves so far
    and the share of the cases' time that is over. ``further`` models, by name, are measured as well. Raises LabError
    where one differs from the task's models in more than its predictor's weights.
    """
    started = time.perf_counter()
    cases = todo(config, further)
    problems = problems_of(cases[0].protocol)
    rows = []
    alike = sum(case.model is cases[0].model for case in cases)
    total = len(cases) * len(problems) + alike * min(SINGLES, len(problems))
    with tqdm(total=total, desc=f"{NAME} {config.task}", unit="plan", delay=2) as bar:
        single = _alone(config, cases, problems, bar)
        compiled = {} if config.size.brief or config.size.toy else compiled_alone(config, cases, problems)
        for case in cases:
            key = case.planner_name, case.iterations
            times = {"seconds_single": single[key]} | ({COMPILED: compiled.get(key)} if compiled else {})
            rows.append(measure(config, case).assign(iterations=case.iterations, **times))
            bar.update(len(problems))
            if on_case:
                on_case(_tables(rows)[2], _share(cases, len(rows), single, len(problems)))
    pairs, efficiency, curves = _tables(rows)
    tables = {"efficiency": efficiency, "curves": curves, "ratios": ratios(curves, pairs), "pairs": pairs}
    meta = {"protocols": [cases[0].protocol.as_dict()], "singles": SINGLES}
    timed = {"efficiency": _clocks(efficiency), "curves": _clocks(curves), "ratios": FOLLOWING}
    return Result(tables, provenance(config, started, timed) | meta)


def budgets(planner_name: str, tuned: int) -> list[int]:
    """The numbers of iterations to measure: the planner's ladder below its ``tuned`` number, then that number."""
    return sorted({count for count in ITERATIONS[planner_name] if count < tuned} | {tuned})


def todo(config: Config, further: Mapping[str, WorldModel] | None = None) -> list[Rung]:
    """All cases of the first training seed; planners and models alternate at each rung of the ladder."""
    protocol, seed = config.protocols((GOALS,))[GOALS], config.size.seeds[0]
    models = [(name, config.model(name, seed)) for name in MODELS]
    for name, model in (further or {}).items():
        if model.spec != models[0][1].spec or encoder_hash(model) != encoder_hash(models[0][1]):
            raise LabError(
                f"The times of {name} cannot be compared: its sizes or its encoder are not the base model's."
            )
        models.append((name, model))
    planners = {name: config.planner(name) for name in ITERATIONS if name != STARTED}
    ladders = {name: budgets(name, planner.iterations) for name, planner in planners.items()}
    network = find_initialisation(models[0][1], config.preset)  # all are of one seed, and so have its encoder
    if network:
        ladders[STARTED] = budgets(STARTED, planners["adam"].iterations)
    cases = []
    for rung in range(max(len(ladder) for ladder in ladders.values())):
        for (name, model), (planner_name, ladder) in itertools.product(models, ladders.items()):
            if rung >= len(ladder):
                continue
            if network and planner_name == STARTED:
                planner: Planner = Initialised(network.propose, shortened(planners["adam"], ladder[rung]))
            else:
                planner = shortened(planners[planner_name], ladder[rung])
            cases.append(Rung(protocol, name, seed, model, planner_name, planner, iterations=ladder[rung]))
    return cases


def _alone(config: Config, cases: list[Rung], problems: Problems, bar: tqdm) -> dict[tuple[str, int], float]:
    """By planner and iterations, the least seconds of a plan made alone on the first model.

    An untimed plan comes first, to warm up.
    """
    first = [case for case in cases if case.model is cases[0].model]
    _plan_alone(config, first[0], problems[:1])
    return _least(config, first, problems, bar)


def compiled_alone(config: Config, cases: list[Rung], problems: Problems) -> dict[tuple[str, int], float]:
    """`_alone` with the loops as programs, each of which is compiled first; without JAX, there are none."""
    programs = []
    for case in cases:
        if case.model is cases[0].model:
            with suppress(LabError):  # JAX follows neither every planner nor every model and device
                program = replace(case, planner=on_backend(cast(IterativePlanner, case.planner), "jax"))
                _plan_alone(config, program, problems[:1])
                programs.append(program)
    return _least(config, programs, problems)


def _least(
    config: Config, cases: list[Rung], problems: Problems, bar: tqdm | None = None
) -> dict[tuple[str, int], float]:
    """The least seconds of each of ``cases``, which take turns."""
    times: dict[tuple[str, int], list[float]] = {(case.planner_name, case.iterations): [] for case in cases}
    for i in range(min(SINGLES, len(problems))):
        for case in cases:
            times[case.planner_name, case.iterations].append(_plan_alone(config, case, problems[i : i + 1]))
            if bar:
                bar.update()
    return {case: min(collected) for case, collected in times.items()}


def _plan_alone(config: Config, case: Rung, problem: Problems) -> float:
    """Seconds that one plan takes."""
    model = case.model
    z0, objective = see(model, problem.environment, problem.starts), goal_distance(model, problem, **config.objective)
    init = no_warm_start(1, HORIZON, model.block_dim)
    started = now(z0)
    plan = case.planner.plan(PlanRequest(model, z0, objective, init, [config.seed]))
    return now(plan.actions) - started


def _share(cases: list[Rung], finished: int, single: dict[tuple[str, int], float], problems: int) -> float:
    """The share of all cases' time that is over after the first ``finished``, estimated from the plans made alone.

    A gradient planner takes little more time for a few problems than for one; CEM takes them one after the other.
    """
    seconds = [
        single[case.planner_name, case.iterations] * (problems if case.planner_name == "cem" else 1) for case in cases
    ]
    return sum(seconds[:finished]) / sum(seconds)


def _tables(rows: list[pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Pairs, efficiency and curves; see `run`."""
    measured = pd.concat(rows, ignore_index=True).rename(columns={"seconds": "seconds_per_problem"})
    times = measured.groupby(CASE, sort=False)[_clocks(measured)].first().reset_index()
    efficiency = success_rates(measured, CASE).merge(times, on=CASE)
    pairs = measured[[*CASE, "pair", "success"]]
    return pairs, efficiency, _curves(pairs, efficiency)


def _curves(pairs: pd.DataFrame, efficiency: pd.DataFrame) -> pd.DataFrame:
    """Success on each model, with the planner's median time on all of them (see the module's docstring).

    Times of plans made alone were measured on one model: their median is the one that there is.
    """
    by = ["model", "planner", "iterations"]
    times = efficiency.groupby(by[1:])[_clocks(efficiency)].median().reset_index()
    return success_rates(pairs, by).merge(times, on=by[1:]).sort_values(by).reset_index(drop=True)


def _clocks(table: pd.DataFrame) -> list[str]:
    return [column for column in (*CLOCKS.values(), COMPILED) if column in table]


def ratios(curves: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Gradient planning on each model against CEM on the ``reference``, the same model or base, by either clock.

    CEM's success is its rate at its tuned iterations; its time is that of the fewest iterations with at least this
    rate. ``difference`` is the gradient planner's rate minus CEM's over the same problems, with its interval, and
    ``ratio`` its time divided by CEM's. Two rules choose the gradient planner's iterations:

    * ``as good``: the fewest whose whole interval of the difference is above -`MARGIN`;
    * ``a tenth``: the most within a tenth of CEM's time, whatever their rate, so that no test problem chooses them.

    ``met`` tells whether any number of iterations fulfils the rule. If none does, the row shows the highest rate
    (``as good``) or the fewest iterations (``a tenth``).
    """
    rows, others = [], [planner for planner in ITERATIONS if planner != "cem" and planner in set(curves.planner)]
    for model, planner in itertools.product(MODELS, others):
        ours = curves[(curves.model == model) & (curves.planner == planner)].sort_values("iterations")
        for reference in dict.fromkeys((model, "base")):
            cem = curves[(curves.model == reference) & (curves.planner == "cem")].sort_values("iterations")
            target = cem[cem.rate >= cem.rate.iloc[-1]].iloc[0]
            compared = _minus(ours, target, pairs)
            for clock, seconds in CLOCKS.items():
                for rule, (chosen, met) in _choices(compared, target, seconds).items():
                    rows.append(
                        {"model": model, "planner": planner, "reference": reference, "clock": clock, "rule": rule}
                        | {"met": met, "iterations": chosen.iterations, "rate": chosen.rate}
                        | {"reference_iterations": target.iterations, "reference_rate": target.rate}
                        | {"ratio": chosen[seconds] / target[seconds]}
                        | {name: chosen[name] for name in Paired._fields}
                    )
    return pd.DataFrame(rows)


def _minus(ours: pd.DataFrame, target: pd.Series, pairs: pd.DataFrame) -> pd.DataFrame:
    """``ours`` with each row's paired difference to ``target``."""
    theirs = _rows_of(pairs, target)
    compared = [paired(_rows_of(pairs, case), theirs, "success", "pair") for _, case in ours.iterrows()]
    return ours.assign(**pd.DataFrame(compared, index=ours.index))


def _choices(ours: pd.DataFrame, target: pd.Series, seconds: str) -> dict[str, tuple[pd.Series, bool]]:
    """By rule, the row of ``ours`` and whether it fulfils the rule."""
    highest = ours.sort_values("rate", ascending=False, kind="stable")
    as_good = ours[ours.low > -MARGIN]
    quick = ours[ours[seconds] <= SHARE * target[seconds]]
    return {
        "as good": (as_good.iloc[0], True) if len(as_good) else (highest.iloc[0], False),
        "a tenth": (quick.iloc[-1], True) if len(quick) else (ours.iloc[0], False),
    }


def _rows_of(pairs: pd.DataFrame, case: pd.Series) -> pd.DataFrame:
    same = (pairs.model == case.model) & (pairs.planner == case.planner) & (pairs.iterations == case.iterations)
    return pairs[same]
