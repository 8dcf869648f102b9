"""Success rates: run a planner on problems in the true environment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lab.data import Problems
from lab.errors import LabError, check_known, is_whole
from lab.evaluation.simulation import Simulation
from lab.models import Evaluable
from lab.models.protocols import check_evaluable, picture_numbers, see
from lab.planning import MODES, MPC, GoalDistance, Plan, Planner, PlanRequest
from lab.planning.planner import check_planner
from lab.planning.streams import problem_streams


@dataclass(frozen=True)
class Outcome:
    """The outcome of ``B`` problems: plans, and true states and latents at the boundaries of ``K`` executed blocks."""

    world: Simulation
    mpc: MPC
    plans: list[Plan]
    seconds: float  #: of planning for all problems, without simulator and encoder

    @property
    def trajectory(self) -> np.ndarray:
        """True states (B, T + 1, S) at every environment step."""
        return self.world.trajectory

    @property
    def states(self) -> np.ndarray:
        """True states (B, K + 1, S) at the block boundaries."""
        return self.world.states

    @property
    def latents(self) -> Tensor:
        """True latents (B, K + 1, Z) at the block boundaries; those that no plan needed are computed now."""
        return self.world.latents()

    @cached_property
    def reached(self) -> dict[str, np.ndarray]:
        """By criterion, whether the goal is reached (B, number of plans) at the end of each executed plan."""
        return self.world.reached()

    @property
    def success(self) -> dict[str, np.ndarray]:
        """By criterion, whether the goal is reached (B,) at the end of any executed plan."""
        return {criterion: np.any(ends, axis=1) for criterion, ends in self.reached.items()}

    @property
    def at_end(self) -> dict[str, np.ndarray]:
        """By criterion, whether the goal is reached (B,) at the end of the last plan."""
        return {criterion: ends[:, -1] for criterion, ends in self.reached.items()}


def goal_distance(
    model: Evaluable, problems: Problems, proprio: float = 0.0, decay: float | None = None
) -> GoalDistance:
    """The planning objective of ``problems``: the distance to their goals' latents. For options, see `GoalDistance`."""
    goal = see(model, problems.environment, problems.goals)
    return GoalDistance(goal, picture_numbers(model, goal), proprio, decay)


def evaluate(
    model: Evaluable,
    planner: Planner,
    problems: Problems,
    mode: str | MPC = "open",
    *,
    proprio: float = 0.0,
    decay: float | None = None,
    seed: int = 0,
    first: int = 0,
    on_plan: Callable[[int, Plan], None] | None = None,
) -> Outcome:
    """Plan for ``problems`` in ``mode`` (open, mpc, or an `MPC`) and execute the plans in their environment.

    ``first`` is the number of the first problem in its protocol: a part of the problems then gets the plans that it has
    in an evaluation of all, up to the rounding that `Planner` describes. ``on_plan`` is called with the number of each
    replan and its plan. Raises LabError for an unknown mode, for a planner or a model that is none, without a problem,
    and where the shapes of model, environment and problems do not match.
    """
    mpc = _mode(mode)
    check_planner(planner)
    check_evaluable(model)
    if not is_whole(first, 0):
        raise LabError(f"The number of the first problem is a whole number from 0, got {first!r}.")
    if not len(problems):
        raise LabError("There is no problem to plan for: give at least one.")
    world, timed = Simulation(model, problems), _Timed(planner)
    objective = goal_distance(model, problems, proprio, decay)
    streams = problem_streams(seed, range(first, first + len(problems)))
    plans = mpc.run(timed, model, objective, world, model.block_dim, streams, on_plan)
    return Outcome(world, mpc, plans, timed.seconds)


def _mode(mode: str | MPC) -> MPC:
    if isinstance(mode, MPC):
        return mode
    check_known("mode", mode, MODES)
    return MODES[mode]


class _Timed:
    """A planner that adds up its wall-clock time."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.seconds = 0.0

    def plan(self, request: PlanRequest) -> Plan:
        started = now(request.z0)
        plan = self.planner.plan(request)
        self.seconds += now(plan.actions) - started
        return plan


def now(tensor: Tensor) -> float:
    """The time in seconds once the device of ``tensor`` has done what it was asked for."""
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)
    return time.perf_counter()
