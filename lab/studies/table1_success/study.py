"""Table 1: success rates of every model under every planner, open loop and under MPC."""

import itertools
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch

from lab.evaluation.compare import DIFFERENCE, compare, paired, success_rates
from lab.evaluation.statistics import wilson
from lab.files import MODELS
from lab.models import WorldModel
from lab.planning import MODES, PAPER_PLANNERS, Constant, Planner, RandomActions
from lab.plots.words import in_cells, percent
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.measure import Case, cases, column_of, measure_all
from lab.tasks import make_task

NAME = "table1_success"
KEYS = ["task", "goals", "model", "train_seed", "planner", "mode", "criterion"]
TIMES = {"success": ["seconds_per_problem"]}


def run(config: Config) -> Result:
    """Evaluate every case on the same problems.

    Tables: ``success`` (a rate with its Wilson interval for each training seed), ``rates`` (seeds averaged), ``pairs``
    (a row per problem) and ``differences`` (paired, seeds averaged, bootstrap over problems).
    """
    started = time.perf_counter()
    measured, about = measure_all(config, NAME, list(todo(config)))
    pairs = by_criterion(measured.assign(task=config.task), list(make_task(config.task).criteria))
    tables = {
        "success": summarise(pairs),
        "rates": success_rates(pairs, [key for key in KEYS if key != "train_seed"]),
        "differences": differences(pairs),
        "pairs": pairs.drop(columns="seconds"),
    }
    return Result(tables, provenance(config, started, TIMES) | about)


def todo(config: Config) -> Iterator[Case]:
    """The floors, then everything under everything, but CEM under MPC, the longest case, for the preset's models."""
    base, models = config.model("base", config.size.seeds[0]), config.models(MODELS)
    floors: dict[str, Planner] = {"random": RandomActions(), "nothing": Constant(do_nothing(base))}
    for protocol in config.protocols().values():
        for mode, (name, planner) in itertools.product(MODES, floors.items()):
            yield Case(protocol, "none", 0, base, name, planner, mode)
        yield from cases(
            config, [protocol], models, PAPER_PLANNERS, MODES, {("cem", "mpc"): config.size.longest or MODELS}
        )


def do_nothing(model: WorldModel) -> torch.Tensor:
    """The standardised block (A,) whose environment actions are all zero."""
    return model.normalise_actions(np.zeros((model.spec.frameskip, model.spec.action_dim)))[0]


def by_criterion(measured: pd.DataFrame, criteria: Sequence[str]) -> pd.DataFrame:
    """A row for each problem and criterion, case by case, from a row for each problem."""
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
    """One row for each case: n, successes, Wilson interval (low, high), rate at the end, planning time a problem."""
    groups = pairs.groupby(KEYS, sort=False)
    table = groups.agg(
        n=("success", "size"),
        successes=("success", "sum"),
        successes_at_end=("success_at_end", "sum"),
        seconds_per_problem=("seconds", "first"),
    ).reset_index()
    intervals = [wilson(k, n) for k, n in zip(table.successes, table.n, strict=True)]
    table.insert(9, "rate", [interval.value for interval in intervals])
    table.insert(10, "low", [interval.low for interval in intervals])
    table.insert(11, "high", [interval.high for interval in intervals])
    return table


def as_in_the_paper(result: Result) -> pd.DataFrame:
    """The rates laid out as the paper's Table 1: planners across, in % with their 95% intervals."""
    rates = result.tables["rates"]
    cells = [percent(row) for row in rates.itertuples()]
    table = in_cells(rates, cells, ["goals", "criterion", "model", "mode"], "planner")
    order = [planner for planner in ("random", "nothing", *PAPER_PLANNERS) if planner in table]
    return table[order]


def differences(pairs: pd.DataFrame) -> pd.DataFrame:
    """Paired differences in success between models, and of gradient planning on each model to CEM on the base model.

    The second kind, the paper's third claim, has "base (cem)" as ``theirs``.
    """
    by = ["task", "goals", "planner", "mode", "criterion"]
    models = pairs[pairs.model != "none"]
    rows = []
    for keys, group in models.groupby(["task", "goals", "mode", "criterion"], sort=False):
        reference = group[(group.model == "base") & (group.planner == "cem")]
        for (planner, model), ours in group.groupby(["planner", "model"], sort=False):
            if planner != "cem" and len(reference):
                counts = ours["pair"].nunique(), ours["train_seed"].nunique()
                interval = paired(ours, reference, "success", "pair")
                rows.append([*keys[:2], planner, *keys[2:], model, "base (cem)", *counts, *interval])
    against_cem = pd.DataFrame(rows, columns=[*by, *DIFFERENCE])
    return pd.concat([compare(models, "success", by, "pair"), against_cem], ignore_index=True)


def of_first(pairs: pd.DataFrame, n: int, goals: str, planner: str, mode: str) -> pd.DataFrame:
    """The paired differences in success of one case on the first ``n`` problems alone."""
    rows = pairs[(pairs.goals == goals) & (pairs.planner == planner) & (pairs["mode"] == mode)]
    rows = rows[(rows.criterion == "full") & (rows.pair < n)]
    return compare(rows, "success", ["goals"], "pair").drop(columns="goals").set_index(["ours", "theirs"])
