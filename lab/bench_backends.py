"""Both backends through the shipped base models: how many outcomes depend on rounding, and how long one plan takes.

The backends plan from the same random numbers and round differently, which a long descent enlarges. What rounding alone
changes is seen in torch, on copies of the model of which each of the predictor's weights is off by about `EPS` of it.
"""

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from lab.data import HORIZON, Problems
from lab.errors import LabError
from lab.evaluation.success import goal_distance
from lab.models import WorldModel
from lab.models.protocols import see
from lab.planning import PlanRequest, no_warm_start, on_backend
from lab.planning.planner import IterativePlanner
from lab.studies.common.config import Config
from lab.studies.common.measure import problems_of

TASKS = ("wall", "point_maze", "push_t")
PLANNERS = ("gd", "adam", "restarts", "cem")  #: with the cards' settings, in open loop
MANY = "32 starts"  #: restarts with as many
GOALS = "dataset"
EPS = 6e-8  #: half of float32's spacing at 1
COPIES = 2
REPEATS = 7  #: of one plan; the least time counts


@dataclass(frozen=True)
class Side:
    """What a planner reaches in one backend, or in torch on one copy of the model."""

    task: str
    planner: str
    side: str  #: torch, jax, or copy 1, 2, …
    n: int
    rate: float  #: of goals reached
    differ: int  #: problems whose outcome is not that of torch
    milliseconds: float | None  #: of one plan for one problem; None on a copy


def measure(backend: str, preset: str = "full") -> list[Side]:
    """Every planner on every task, training seed 0; raises LabError where ``backend`` is torch itself."""
    if backend == "torch":
        raise LabError("bench backends compares torch with another backend: add --backend jax.")
    return [side for task in TASKS for side in compare(Config(task, preset, device="cpu"), backend)]


def compare(config: Config, backend: str) -> Iterator[Side]:
    """The sides of every planner on the task, torch first."""
    model, problems = config.model("base", 0), problems_of(config.protocols((GOALS,))[GOALS])
    copies = {f"copy {seed}": rounded_otherwise(model, seed) for seed in range(1, COPIES + 1)}
    for name, planner in planners(config).items():
        program = on_backend(planner, backend)
        sides = {"torch": (model, planner), backend: (model, program)}
        sides |= {side: (copy, planner) for side, copy in copies.items()}
        reached = {side: config.evaluate(*pair, problems).success["full"] for side, pair in sides.items()}
        for side, found in reached.items():
            took = None if side in copies else 1000 * one_plan(config, *sides[side], problems[:1])
            differ = int((found != reached["torch"]).sum())
            yield Side(config.task, name, side, len(problems), float(found.mean()), differ, took)


def planners(config: Config) -> dict[str, IterativePlanner]:
    """By name, the planners with the card's settings, and Adam with more restarts."""
    found: dict[str, Any] = {name: config.planner(name) for name in PLANNERS}
    return found | {MANY: replace(found["restarts"], restarts=32)}


def rounded_otherwise(model: WorldModel, seed: int) -> WorldModel:
    """A copy of ``model``, each of the predictor's weights multiplied by 1 + `EPS` times a standard normal number."""
    rng, other = torch.Generator().manual_seed(seed), copy.deepcopy(model)
    with torch.no_grad():
        for weight in other.predictor.parameters():
            weight.mul_(1 + EPS * torch.randn(weight.shape, generator=rng))
    return other


def one_plan(config: Config, model: WorldModel, planner: IterativePlanner, problem: Problems) -> float:
    """The least seconds of a plan, after one that is not counted."""
    z0, objective = see(model, problem.environment, problem.starts), goal_distance(model, problem, **config.objective)
    request = PlanRequest(model, z0, objective, no_warm_start(1, HORIZON, model.block_dim), range(1))
    planner.plan(request)
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        planner.plan(request)
        times.append(time.perf_counter() - started)
    return min(times)


def as_table(sides: Sequence[Side]) -> str:
    """``sides`` for people."""
    lines = [
        f"{side.task:12}{side.planner:12}{side.side:8}{side.rate:7.1%} of {side.n}, {side.differ:3d} not as in torch"
        + ("" if side.milliseconds is None else f"{side.milliseconds:9.1f} ms")
        for side in sides
    ]
    return "\n".join([*lines, f"copy: in torch, weights of the predictor off by {EPS:g}; ms: of one plan"])


def as_rows(sides: Sequence[Side]) -> list[dict[str, Any]]:
    """``sides`` for programs."""
    return [asdict(side) for side in sides]
