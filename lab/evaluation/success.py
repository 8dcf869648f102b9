"""Success rates: run a planner on problems in the true environment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lab.data import Problems
from lab.errors import LabError
from lab.evaluation.simulation import Simulation
from lab.models import Evaluable
from lab.models.protocols import picture_numbers, see
from lab.planning import MODES, MPC, GoalDistance, Plan, Planner, PlanRequest
from lab.planning.streams import problem_streams


@dataclass(frozen=True)
class Outcome:
    """What became of ``B`` problems; states and latents of the true ``world``, at the boundaries of ``K`` blocks."""

    world: Simulation
    mpc: MPC
    plans: list[Plan]
    seconds: float  #: planning time for all problems, simulator and encoder excluded

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
        """True latents (B, K + 1, Z) at the block boundaries; those that no plan needed are observed now."""
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
    """The planning objective of ``problems``: their goals as the model sees them."""
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
    """Plan for ``problems`` in ``mode`` (open, mpc, or horizons of your own) and execute in their environment.

    ``first`` is the number that the first of them has in its protocol: some of its problems get the plans they get
    among all. Raises LabError where model, environment and problems do not fit each other.
    """
    mpc = _mode(mode)
    world, timed = Simulation(model, problems), _Timed(planner)
    objective = goal_distance(model, problems, proprio, decay)
    streams = problem_streams(seed, range(first, first + len(problems)))
    plans = mpc.run(timed, model, objective, world, model.block_dim, streams, on_plan)
    return Outcome(world, mpc, plans, timed.seconds)


def _mode(mode: str | MPC) -> MPC:
    if isinstance(mode, MPC):
        return mode
    if mode not in MODES:
        raise LabError(f"Unknown mode '{mode}': choose one of {', '.join(MODES)}, or give an MPC.")
    return MODES[mode]


class _Timed:
    """A planner that adds up its own wall-clock time."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.seconds = 0.0

    def plan(self, request: PlanRequest) -> Plan:
        started = time.perf_counter()
        plan = self.planner.plan(request)
        if plan.actions.is_cuda:
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - started
        return plan
