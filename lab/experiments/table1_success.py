"""Table 1: success rates of every model under every planner, open loop and under MPC."""

import itertools
import time

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from lab.data import Problems
from lab.evaluation import Outcome, Protocol, evaluate, paired_difference, wilson
from lab.experiments.experiment import TASK_GOALS, Config, Result, provenance
from lab.models import MODELS, WorldModel
from lab.planning import MODES, PLANNERS, SETTINGS, Constant, Planner, RandomActions

NAME = "table1_success"
KEYS = ["task", "goals", "model", "train_seed", "planner", "mode", "criterion"]


def run(config: Config) -> Result:
    """``success`` (a rate with its Wilson interval a row), ``pairs`` (a problem a row), ``differences``."""
    started = time.perf_counter()
    rows: list[dict] = []
    protocols = {
        goals: Protocol(config.task, goals, config.size.n, seed=config.seed) for goals in TASK_GOALS[config.task]
    }
    cases = list(_cases(config))
    with tqdm(total=len(cases) * len(protocols), desc=f"{NAME} {config.task}", unit="run", delay=2) as bar:
        for goals, protocol in protocols.items():
            problems = protocol.problems()
            for model_name, seed, model, planner_name, planner, mode in cases:
                outcome = _evaluate(config, model, planner, problems, mode)
                keys = {"task": config.task, "goals": goals, "model": model_name, "train_seed": seed}
                rows += _rows(keys | {"planner": planner_name, "mode": mode}, outcome)
                bar.update()
    pairs = pd.DataFrame(rows)
    meta = provenance(config, started) | {"protocols": [protocol.as_dict() for protocol in protocols.values()]}
    tables = {"success": summarise(pairs), "pairs": pairs.drop(columns="seconds"), "differences": differences(pairs)}
    return Result(tables, meta)


def _cases(config: Config):
    """(model name, training seed, model, planner name, planner, mode): the floors, then everything under everything."""
    settings = SETTINGS[config.task]
    base = config.model("base", 0)
    for mode in MODES:
        yield "none", 0, base, "random", RandomActions(), mode
        yield "none", 0, base, "nothing", Constant(do_nothing(base)), mode
    for name, seed, model in config.models(MODELS):
        for planner, mode in itertools.product(PLANNERS, MODES):
            # CEM under MPC takes hours at the full size; the paper's claims need it for the base model alone
            if not (config.preset == "full" and (planner, mode) == ("cem", "mpc") and (name, seed) != ("base", 0)):
                yield name, seed, model, planner, settings.planner(planner, mode), mode


def do_nothing(model: WorldModel) -> torch.Tensor:
    """The standardised block (A,) whose environment actions are all zero."""
    return model.normalise_actions(np.zeros((model.spec.frameskip, model.spec.action_dim)))[0]


def _evaluate(config: Config, model: WorldModel, planner: Planner, problems: Problems, mode: str) -> Outcome:
    settings = SETTINGS[config.task]
    options = {"proprio": settings.proprio, "base": settings.base, "seed": config.seed}
    return evaluate(model, planner, problems, mode, **options)


def _rows(keys: dict, outcome: Outcome) -> list[dict]:
    return [
        keys
        | {"criterion": criterion, "pair": pair, "success": int(reached), "success_at_end": int(at_end)}
        | {"seconds": outcome.seconds / len(outcome.trajectory)}
        for criterion in outcome.success
        for pair, (reached, at_end) in enumerate(
            zip(outcome.success[criterion], outcome.at_end[criterion], strict=True)
        )
    ]


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


COMPARISONS = (("control", "base"), ("online", "base"), ("adversarial", "base"), ("online", "control"),
               ("adversarial", "control"))  # fmt: skip


def differences(pairs: pd.DataFrame) -> pd.DataFrame:
    """Paired differences in success between models under the same planner, seeds averaged, bootstrap over problems."""
    rows = []
    models = pairs[pairs.model != "none"]
    for keys, group in models.groupby(["task", "goals", "planner", "mode", "criterion"], sort=False):
        table = group.pivot_table(index="pair", columns=["model", "train_seed"], values="success")
        for ours, theirs in COMPARISONS:
            if ours in table and theirs in table:
                interval = paired_difference(table[ours].to_numpy(), table[theirs].to_numpy())
                rows.append([*keys, ours, theirs, len(table), table[ours].shape[1], *interval])
    for keys, group in models.groupby(["task", "goals", "mode", "criterion"], sort=False):
        rows += _against_cem(keys, group)
    columns = [
        "task",
        "goals",
        "planner",
        "mode",
        "criterion",
        "ours",
        "theirs",
        "n",
        "seeds",
        "difference",
        "low",
        "high",
    ]
    return pd.DataFrame(rows, columns=columns)


def _against_cem(keys: tuple, group: pd.DataFrame) -> list[list]:
    """Gradient planning on each model against CEM on the base model (the paper's third claim)."""
    rows = []
    table = group.pivot_table(index="pair", columns=["model", "planner", "train_seed"], values="success")
    for model, planner in itertools.product(MODELS, ("gd", "adam")):
        if (model, planner) in table and ("base", "cem") in table:
            interval = paired_difference(table[model, planner].to_numpy(), table["base", "cem"].to_numpy())
            seeds = table[model, planner].shape[1]
            rows.append([*keys[:2], planner, *keys[2:], model, "base (cem)", len(table), seeds, *interval])
    return rows
