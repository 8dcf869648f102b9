"""How the settings of the planners were chosen: on the tune split, by one rule.

A planner keeps its setting of version 0.1, unless another has a higher success with the *base* model, over all kinds of
goals, by a paired interval that excludes 0; of those it takes the one with the highest. All models of a task share
it. Plans start from the paper's N(0, 1). GradCEM has a third of CEM's samples, because it differentiates each. CEM's
settings are the authors', those of several starts were chosen as `lab.planning.catalog` says, and the radii of
Adversarial World Modeling in the study ``recipe``.

In version 0.1 the highest success decided. The present rule is of version 0.2, when test problems had already shown
300 steps of Adam ahead of 100 on PushT (study ``power``).
"""

import itertools
import time
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from lab.errors import LabError
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
    "gd": {f"lr {lr}": GradientPlanner("sgd", lr, 300) for lr in (0.3, 1.0, 3.0, 10.0, 30.0)},
    "adam": {
        f"lr {lr}, {iterations} iterations": GradientPlanner("adam", lr, iterations)
        for lr, iterations in itertools.product((0.03, 0.1, 0.3), (100, 300))
    },
    "momentum": {f"lr {lr}": GradientPlanner("momentum", lr, 300) for lr in (0.03, 0.1, 0.3, 1.0, 3.0)},
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
#: settings of version 0.1 that the rule has replaced; all others are still on the cards
REPLACED = {
    ("push_t", "adam"): "lr 0.1, 100 iterations",
    ("push_t", "adamw"): "lr 0.1, 100 iterations",
    ("point_maze", "adamw"): "lr 0.1, 100 iterations",
    ("wall", "adamw"): "lr 0.3, 100 iterations",
}


def run(config: Config) -> Result:
    """Measure all candidates.

    Tables: ``planners``, a row for each planner, setting and kind of goals; ``differences``, the paired difference in
    success of each other setting to the ``former`` one, version 0.1's, over all kinds of goals.
    Raises LabError where a card's setting is no candidate.
    """
    started = time.perf_counter()
    base, stored, rows, differences, protocols = config.model("base", 0), Cases(NAME, config.task), [], [], []
    for name, candidates in tqdm(CANDIDATES.items(), desc=f"{NAME} {config.task}", unit="planner"):
        n = (N if name in DESCENDING else N_SAMPLING) // len(config.card.goals)
        problems = [Protocol(config.task, goals, n, "tune", config.seed) for goals in config.card.goals]
        measured, former = {}, former_of(config, name)
        for setting, planner in tqdm(candidates.items(), desc=name, unit="setting", leave=False):
            of_goals = [measure(config, Case(each, "base", 0, base, name, planner), stored) for each in problems]
            for table in of_goals:
                numbers = {"loss": table.loss.mean(), "seconds": table.seconds.sum()}
                rows.append({"planner": name, "setting": setting} | summary(table) | numbers)
            measured[setting] = pd.concat(of_goals).assign(problem=lambda table: table.goals + table.pair.astype(str))
        protocols += problems
        for setting in [setting for setting in measured if setting != former]:
            against = paired(measured[setting], measured[former], "success")
            differences.append({"planner": name, "setting": setting, "former": former} | against._asdict())
    meta = provenance(config, started, {"planners": ["seconds"]}) | {"kept_cases": stored.kept}
    tables = {"planners": pd.DataFrame(rows), "differences": pd.DataFrame(differences)}
    return Result(tables, meta | {"protocols": [protocol.as_dict() for protocol in dict.fromkeys(protocols)]})


def former_of(config: Config, planner: str) -> str:
    """The candidate that ``planner`` had in version 0.1; raises LabError where the card's setting is none."""
    if (config.task, planner) in REPLACED:
        return REPLACED[config.task, planner]
    for setting, candidate in CANDIDATES[planner].items():
        if candidate == config.planner(planner):
            return setting
    raise LabError(f"The setting of {planner} on the card of {config.task} is no candidate of {NAME}: add it there.")


def chosen(differences: pd.DataFrame) -> dict[str, str]:
    """By planner, the setting that the rule names; ``differences`` is a table of `run`."""
    found = dict(zip(differences.planner, differences.former, strict=True))
    better = differences[differences.low > 0].sort_values("difference", kind="stable")
    return found | dict(zip(better.planner, better.setting, strict=True))  # the best is the last
