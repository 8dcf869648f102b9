"""How the settings of the planners were chosen: on the tune split alone, by one rule.

A planner keeps its setting, unless another has a higher success with the *base* model, over all kinds of goals, by a
paired interval that excludes 0; then it takes the one with the highest. All models of a task share it. Plans start from
the paper's N(0, 1). GradCEM has a third of CEM's samples, because it differentiates each. The settings of several
starts were chosen in other ways, see `lab.planning.catalog`; the radii of Adversarial World Modeling in the study
``recipe``.
"""

import itertools
import time
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from lab.evaluation.compare import paired
from lab.planning import ICEM, MPPI, GradCEM, GradientPlanner, Planner
from lab.results import Result
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config, provenance
from lab.studies.common.measure import Case, measure, summary
from lab.studies.common.protocol import Protocol

NAME = "tuning"
N = 300  #: tune-split problems, in equal parts of each kind of goals
N_SAMPLING = 100  #: for the planners that sample, because a setting of theirs takes minutes
GRADCEM: dict[str, Any] = {"samples": 100, "elites": 10, "chunk": 15}
DESCENDING: dict[str, dict[str, Planner]] = {
    "gd": {f"lr {lr}": GradientPlanner("sgd", lr, 300) for lr in (0.3, 1.0, 3.0, 10.0)},
    "adam": {
        f"lr {lr}, {iterations} iterations": GradientPlanner("adam", lr, iterations)
        for lr, iterations in itertools.product((0.03, 0.1, 0.3), (100, 300))
    },
    "momentum": {f"lr {lr}": GradientPlanner("momentum", lr, 300) for lr in (0.03, 0.1, 0.3, 1.0)},
    "adamw": {
        f"lr {lr}, {iterations} iterations": GradientPlanner("adamw", lr, iterations)
        for lr, iterations in itertools.product((0.03, 0.1, 0.3), (100, 300))
    },
}
SAMPLING: dict[str, dict[str, Planner]] = {
    "icem": {f"beta {beta}": ICEM(beta=beta) for beta in (0.0, 1.0, 2.0)},
    "mppi": {
        f"temperature {temperature}, std {std}": MPPI(temperature=temperature, std=std)
        for temperature, std in itertools.product((0.001, 0.01, 0.1), (0.5, 1.0))
    },
    "gradcem": {f"lr {lr}": GradCEM(lr=lr, **GRADCEM) for lr in (0.03, 0.1, 0.3)},
}
CANDIDATES = DESCENDING | SAMPLING  #: by planner, its settings by name


def run(config: Config) -> Result:
    """Measure all candidates.

    Tables: ``planners``, a row for each planner, setting and kind of goals; ``differences``, the paired difference in
    success of each other setting to the ``present`` one, over all kinds of goals.
    """
    started = time.perf_counter()
    base, stored, rows, differences, protocols = config.model("base", 0), Cases(NAME, config.task), [], [], []
    for name, candidates in tqdm(CANDIDATES.items(), desc=f"{NAME} {config.task}", unit="planner"):
        n = (N if name in DESCENDING else N_SAMPLING) // len(config.card.goals)
        problems = [Protocol(config.task, goals, n, "tune", config.seed) for goals in config.card.goals]
        measured = {}
        for setting, planner in tqdm(candidates.items(), desc=name, unit="setting", leave=False):
            of_goals = [measure(config, Case(each, "base", 0, base, name, planner), stored) for each in problems]
            for table in of_goals:
                numbers = {"loss": table.loss.mean(), "seconds": table.seconds.sum()}
                rows.append({"planner": name, "setting": setting} | summary(table) | numbers)
            measured[setting] = pd.concat(of_goals).assign(problem=lambda table: table.goals + table.pair.astype(str))
        protocols += problems
        present = next(setting for setting, planner in candidates.items() if planner == config.planner(name))
        for setting in [setting for setting in measured if setting != present]:
            against = paired(measured[setting], measured[present], "success")
            differences.append({"planner": name, "setting": setting, "present": present} | against._asdict())
    meta = provenance(config, started, {"planners": ["seconds"]}) | {"kept_cases": stored.kept}
    tables = {"planners": pd.DataFrame(rows), "differences": pd.DataFrame(differences)}
    return Result(tables, meta | {"protocols": [protocol.as_dict() for protocol in dict.fromkeys(protocols)]})


def chosen(differences: pd.DataFrame) -> dict[str, str]:
    """By planner, the setting that the rule names; ``differences`` is a table of `run`."""
    best = differences.loc[differences.groupby("planner", sort=False).difference.idxmax()]
    return {row.planner: row.setting if row.low > 0 else row.present for row in best.itertuples()}
