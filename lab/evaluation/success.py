"""Success rates: run a planner on a protocol's problems in the true simulator."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from lab.data import Problems
from lab.evaluation.simulation import Simulation, SimulatorDynamics
from lab.models import WorldModel
from lab.planning import MODES, GoalDistance, Plan, Planner, PlanRequest


@dataclass(frozen=True)
class Outcome:
    """What became of ``B`` problems: per criterion ``success`` at the end of any executed plan, and ``at_end``."""

    success: dict[str, np.ndarray]
    at_end: dict[str, np.ndarray]
    plans: list[Plan]
    trajectory: np.ndarray  #: true states (B, T + 1, S)
    seconds: float  #: planning time for all problems, simulator and encoder excluded


def goal_distance(
    model: WorldModel | SimulatorDynamics, problems: Problems, proprio: float = 0.0, base: float | None = None
) -> GoalDistance:
    """The planning objective of ``problems``: their goals, drawn and encoded."""
    return GoalDistance(model.observe(problems.goals), model.latent_dim, proprio, base)


def evaluate(
    model: WorldModel | SimulatorDynamics,
    planner: Planner,
    problems: Problems,
    mode: str = "open",
    *,
    proprio: float = 0.0,
    base: float | None = None,
    seed: int = 0,
    first: int = 0,
    on_plan: Callable[[int, Plan], None] | None = None,
) -> Outcome:
    """Plan for ``problems`` in ``mode`` (open or mpc) and execute in the true simulator.

    ``first`` is the number that the first of them has in its protocol: some of its problems get the plans they get
    among all.
    """
    world = Simulation(model, problems)
    timed = _Timed(planner)
    objective = goal_distance(model, problems, proprio, base)
    seeds = [seed * 1_000_000 + first + i for i in range(len(problems))]
    plans = MODES[mode].run(timed, model, objective, world, model.block_dim, seeds, on_plan)
    reached = {criterion: world.successes(criterion) for criterion in world.task.criteria}
    return Outcome(
        {criterion: np.any(ends, axis=1) for criterion, ends in reached.items()},
        {criterion: ends[:, -1] for criterion, ends in reached.items()},
        plans,
        world.trajectory,
        timed.seconds,
    )


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
