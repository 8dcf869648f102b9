"""Table 1: success rates of every model under every planner, open loop and under MPC.

Under MPC our horizon shrinks. Beside our rows stand those planned as the authors do (`lab.benchmarks.authors`), on
fewer problems: their modes have names of their own, and the column ``protocol`` says ours or authors.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from lab.benchmarks import authors
from lab.evaluation.compare import DIFFERENCE, compare, paired, success_rates
from lab.evaluation.statistics import wilson
from lab.files import MODELS
from lab.models import WorldModel
from lab.planning import COMPARED, MODES, PAPER_PLANNERS, Constant, Planner, RandomActions, shortened
from lab.plots.words import in_cells, percent
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.measure import Case, NamedModel, cases, column_of, measure_all
from lab.tasks import make_task

NAME = "table1_success"
KEYS = ["task", "protocol", "goals", "model", "train_seed", "planner", "mode", "criterion"]
TIMES = {"success": ["seconds_per_problem"]}


def run(config: Config) -> Result:
    """Evaluate every case on the same problems.

    Tables: ``success`` (a rate with its Wilson interval for each training seed), ``rates`` (averaged over seeds),
    ``pairs`` (a row for each problem) and ``differences`` (paired, averaged over seeds).
    """
    started = time.perf_counter()
    measured, meta = measure_all(config, NAME, list(todo(config)))
    rules = np.where(measured["mode"].isin(authors.MODES), "authors", "ours")
    pairs = by_criterion(measured.assign(task=config.task, protocol=rules), list(make_task(config.task).criteria))
    tables = {
        "success": summarise(pairs),
        "rates": success_rates(pairs, [key for key in KEYS if key != "train_seed"]),
        "differences": differences(pairs),
        "pairs": pairs.drop(columns="seconds"),
    }
    return Result(tables, provenance(config, started, TIMES) | meta)


def todo(config: Config) -> Iterator[Case]:
    """The floors, then every model under every planner and mode.

    CEM takes longest. On the base model, which is what the paper compares with, it runs with every training seed in
    open loop and with the first under MPC; on the finetuned models in open loop, with the first.
    """
    first, models = config.size.seeds[0], config.models(MODELS)
    base = config.model("base", first)
    bases = [("base", seed) for seed in config.size.seeds]
    long = {("cem", "open"): [*bases, *((name, first) for name in MODELS)], ("cem", "mpc"): bases[:1]}
    floors: dict[str, Planner] = {"random": RandomActions(), "nothing": Constant(do_nothing(base))}
    for protocol in config.protocols().values():
        for mode, (name, planner) in itertools.product(MODES, floors.items()):
            yield Case(protocol, "none", 0, base, name, planner, mode)
        yield from cases(config, [protocol], models, COMPARED, MODES, long)
    if config.size.authors:
        yield from as_the_authors(config, [model for model in models if model[1] == first])


def as_the_authors(config: Config, models: Sequence[NamedModel]) -> Iterator[Case]:
    """The models of one training seed as the authors plan; CEM, by far the slowest, on the base model only."""

    def planner_of(name: str, mode: str, model: WorldModel) -> Planner:
        return shortened(authors.SETTINGS.planner(name), config.size.iterations, config.size.samples)

    long = {("cem", mode): [("base", config.size.seeds[0])] for mode in authors.MODES}
    for protocol in config.protocols().values():
        limited = replace(protocol, n=min(protocol.n, config.size.authors), rules="authors")
        for case in cases(config, [limited], models, PAPER_PLANNERS, authors.MODES, long, planner_of):
            yield replace(case, mpc=authors.MODES[case.mode], objective=authors.objective(config.task))


def do_nothing(model: WorldModel) -> torch.Tensor:
    """The standardised action block (A,) whose environment actions are all zero."""
    return model.normalise_actions(np.zeros((model.spec.frameskip, model.spec.action_dim)))[0]


def by_criterion(measured: pd.DataFrame, criteria: Sequence[str]) -> pd.DataFrame:
    """From a row for each problem, a row for each problem and criterion, in the order of the cases."""
    case = [key for key in KEYS if key != "criterion"]
    columns = [*KEYS, "pair", "success", "success_at_end", "seconds"]
    parts = []
    for criterion in criteria:
        reached = {
            "success": measured[column_of("success", criterion)],
            "success_at_end": measured[column_of("at_end", criterion)],
        }
        parts.append(measured.assign(criterion=criterion, **reached)[columns])
    order = measured.groupby(case, sort=False).ngroup()
    return pd.concat(parts).iloc[np.tile(order, len(parts)).argsort(kind="stable")].reset_index(drop=True)


def summarise(pairs: pd.DataFrame) -> pd.DataFrame:
    """A row for each case: n, successes, rate with its Wilson interval, successes at the end, seconds per problem."""
    groups = pairs.groupby(KEYS, sort=False)
    table = groups.agg(
        n=("success", "size"),
        successes=("success", "sum"),
        successes_at_end=("success_at_end", "sum"),
        seconds_per_problem=("seconds", "first"),
    ).reset_index()
    intervals = [wilson(k, n) for k, n in zip(table.successes, table.n, strict=True)]
    for place, column in enumerate(("value", "low", "high"), start=len(KEYS) + 2):
        name = "rate" if column == "value" else column
        table.insert(place, name, [getattr(interval, column) for interval in intervals])
    return table


def as_in_the_paper(result: Result) -> pd.DataFrame:
    """The rates in % with 95% intervals, in the paper's layout of Table 1: a column for each planner."""
    rates = result.tables["rates"]
    cells = [percent(row) for row in rates.itertuples()]
    table = in_cells(rates, cells, ["goals", "criterion", "model", "mode"], "planner")
    order = [planner for planner in ("random", "nothing", *COMPARED) if planner in table]
    return table[order]


def differences(pairs: pd.DataFrame) -> pd.DataFrame:
    """Paired differences in success between models, and between gradient planning on each model and CEM on base.

    The second kind bears on the paper's third claim; its ``theirs`` is "base (cem)".
    """
    by = ["task", "protocol", "goals", "planner", "mode", "criterion"]
    models = pairs[pairs.model != "none"]
    rows = []
    for keys, group in models.groupby(["task", "protocol", "goals", "mode", "criterion"], sort=False):
        reference = group[(group.model == "base") & (group.planner == "cem")]
        for (planner, model), ours in group.groupby(["planner", "model"], sort=False):
            if planner != "cem" and len(reference):
                difference = paired(ours, reference, "success", "pair")
                rows.append([*keys[:3], planner, *keys[3:], model, "base (cem)", *difference])
    against_cem = pd.DataFrame(rows, columns=[*by, *DIFFERENCE])
    return pd.concat([compare(models, "success", by, "pair"), against_cem], ignore_index=True)


def of_first(pairs: pd.DataFrame, n: int, goals: str, planner: str, mode: str) -> pd.DataFrame:
    """The paired differences in success of one case on its first ``n`` problems, by ``ours`` and ``theirs``."""
    rows = pairs[(pairs.goals == goals) & (pairs.planner == planner) & (pairs["mode"] == mode)]
    rows = rows[(rows.criterion == "full") & (rows.pair < n)]
    return compare(rows, "success", ["goals"], "pair").drop(columns="goals").set_index(["ours", "theirs"])


def as_problems_are_added(
    pairs: pd.DataFrame, goals: str, planner: str, mode: str, model: str = "adversarial"
) -> pd.DataFrame:
    """The difference of ``model`` to the control on the first ``n`` problems, for some n: its mean, low and high."""
    sizes = np.unique(np.geomspace(2, pairs.pair.max() + 1, 12).round().astype(int))
    rows = [of_first(pairs, int(n), goals, planner, mode).loc[(model, "control")] for n in sizes]
    return pd.DataFrame(rows, index=pd.Index(sizes, name="n"))[["difference", "low", "high"]]
