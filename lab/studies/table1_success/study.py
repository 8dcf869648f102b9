"""Table 1: success rates of every model under every planner, open loop and under MPC."""

import itertools
import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from lab.data import Problems
from lab.evaluation.compare import DIFFERENCE, compare, paired, success_rates
from lab.evaluation.statistics import wilson
from lab.files import MODELS
from lab.models import WorldModel
from lab.planning import MODES, PAPER_PLANNERS, Constant, Planner, RandomActions
from lab.plots.words import in_cells, percent
from lab.results import Result
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config, provenance

NAME = "table1_success"
KEYS = ["task", "goals", "model", "train_seed", "planner", "mode", "criterion"]
TIMES = {"success": ["seconds_per_problem"]}


def run(config: Config) -> Result:
    """Evaluate every case on the same problems.

    Tables: ``success`` (a rate with its Wilson interval for each training seed), ``rates`` (seeds averaged), ``pairs``
    (a row per problem) and ``differences`` (paired, seeds averaged, bootstrap over problems).
    """
    started = time.perf_counter()
    rows: list[pd.DataFrame] = []
    protocols = config.protocols()
    todo, cases = list(_cases(config)), Cases(NAME, config.task)
    with tqdm(total=len(todo) * len(protocols), desc=f"{NAME} {config.task}", unit="run", delay=2) as bar:
        for goals, protocol in protocols.items():
            problems = protocol.problems()
            for model_name, seed, model, planner_name, planner, mode in todo:
                keys = {"task": config.task, "goals": goals, "model": model_name, "train_seed": seed}
                keys |= {"planner": planner_name, "mode": mode}
                settings = {"protocol": protocol.as_dict(), "settings": repr(planner)}
                make = partial(_outcomes, config, model, planner, problems, mode)
                rows.append(cases.rows(keys, settings, model, make))
                bar.update()
    pairs = pd.concat(rows, ignore_index=True)
    tables = {
        "success": summarise(pairs),
        "rates": success_rates(pairs, [key for key in KEYS if key != "train_seed"]),
        "differences": differences(pairs),
        "pairs": pairs.drop(columns="seconds"),
    }
    about = {"protocols": [protocol.as_dict() for protocol in protocols.values()], "kept_cases": cases.kept}
    return Result(tables, provenance(config, started, TIMES) | about)


def _cases(config: Config) -> Iterator[tuple[str, int, WorldModel, str, Planner, str]]:
    """(model name, training seed, model, planner name, planner, mode): the floors, then everything under everything."""
    base = config.model("base", config.size.seeds[0])
    for mode in MODES:
        yield "none", 0, base, "random", RandomActions(), mode
        yield "none", 0, base, "nothing", Constant(do_nothing(base)), mode
    for name, seed, model in config.models(MODELS):
        for planner, mode in itertools.product(PAPER_PLANNERS, MODES):
            if _affordable(config, name, seed, planner, mode):
                yield name, seed, model, planner, config.planner(planner, mode), mode


def _affordable(config: Config, model: str, seed: int, planner: str, mode: str) -> bool:
    """All but CEM under MPC, the longest case: that for the first training seed only, and for the preset's models."""
    may = seed == config.size.seeds[0] and model in config.size.longest
    return (planner, mode) != ("cem", "mpc") or may


def do_nothing(model: WorldModel) -> torch.Tensor:
    """The standardised block (A,) whose environment actions are all zero."""
    return model.normalise_actions(np.zeros((model.spec.frameskip, model.spec.action_dim)))[0]


def _outcomes(config: Config, model: WorldModel, planner: Planner, problems: Problems, mode: str) -> pd.DataFrame:
    """A row for each problem and criterion."""
    outcome = config.evaluate(model, planner, problems, mode)
    rows = [
        {"criterion": criterion, "pair": pair, "success": int(reached), "success_at_end": int(at_end)}
        for criterion in outcome.success
        for pair, (reached, at_end) in enumerate(
            zip(outcome.success[criterion], outcome.at_end[criterion], strict=True)
        )
    ]
    return pd.DataFrame(rows).assign(seconds=outcome.seconds / len(problems))


def summarise(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row for each case: n, successes, Wilson interval (low, high), rate at the end, planning time a problem."""
    groups = pairs.groupby(KEYS, sort=False)
    table = groups.agg(
        n=("success", "size"), successes=("success", "sum"), successes_at_end=("success_at_end", "sum"),
        seconds_per_problem=("seconds", "first"),
    ).reset_index()  # fmt: skip
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
