"""How the settings of the planners beyond the paper's Table 1 were chosen: on the tune split alone, by one rule.

Each planner takes the setting with the *base* model's highest success, averaged over kinds of goals. All models of a
task share it. Numbers of samples and elites are CEM's; GradCEM takes a third, because it differentiates each sample.
The restarts are those of Adam as tuned for Table 1.
"""

import itertools
import time
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from lab.planning import ICEM, MPPI, GradCEM, GradientPlanner, Planner
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.measure import Case, measure, summary
from lab.studies.common.protocol import Protocol

NAME = "tuning_planners"
N = 50  #: tune-split problems for each kind of goals
GRADCEM: dict[str, Any] = {"samples": 100, "elites": 10, "chunk": 15}
CANDIDATES: dict[str, dict[str, Planner]] = {
    "momentum": {f"lr {lr}": GradientPlanner("momentum", lr, 300) for lr in (0.03, 0.1, 0.3, 1.0)},
    "adamw": {f"lr {lr}": GradientPlanner("adamw", lr, 100) for lr in (0.03, 0.1, 0.3)},
    "icem": {f"beta {beta}": ICEM(beta=beta) for beta in (0.0, 1.0, 2.0)},
    "mppi": {
        f"temperature {temperature}, std {std}": MPPI(temperature=temperature, std=std)
        for temperature, std in itertools.product((0.001, 0.01, 0.1), (0.5, 1.0))
    },
    "gradcem": {f"lr {lr}": GradCEM(lr=lr, **GRADCEM) for lr in (0.03, 0.1, 0.3)},
}


def run(config: Config) -> Result:
    """Measure all candidates. Table ``planners``: a row for each planner, setting and kind of goals."""
    started = time.perf_counter()
    protocols = [Protocol(config.task, goals, N, "tune", config.seed) for goals in config.card.goals]
    base = config.model("base", 0)
    rows = []
    settings = [(name, setting) for name, candidates in CANDIDATES.items() for setting in candidates]
    for (name, setting), protocol in tqdm(list(itertools.product(settings, protocols)), desc=f"{NAME} {config.task}"):
        measured = measure(config, Case(protocol, "base", 0, base, name, CANDIDATES[name][setting]))
        numbers = {"loss": measured.loss.mean(), "seconds": measured.seconds.sum()}
        rows.append({"planner": name, "setting": setting} | summary(measured) | numbers)
    meta = provenance(config, started, {"planners": ["seconds"]})
    return Result({"planners": pd.DataFrame(rows)}, meta | {"protocols": [p.as_dict() for p in protocols]})


def chosen(planners: pd.DataFrame) -> dict[str, str]:
    """By planner, the setting with the highest success, averaged over kinds of goals; of equal ones the first."""
    rates = planners.groupby(["planner", "setting"], sort=False)["value"].mean().reset_index()
    return {name: rows.loc[rows.value.idxmax(), "setting"] for name, rows in rates.groupby("planner", sort=False)}
