"""Model-predictive control (MPC) around any planner: plan, execute some blocks, observe, replan with a warm start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from lab.data import HORIZON
from lab.errors import LabError, check_made, is_whole
from lab.models.protocols import Dynamics
from lab.planning.adaptation import Adaptation, Adapted
from lab.planning.objective import Objective
from lab.planning.planner import Plan, Planner, PlanRequest, no_warm_start
from lab.planning.streams import Seed, child


class World(Protocol):
    """The true environment, in which plans are executed, as the model's encoder sees it."""

    def observe(self) -> Tensor:
        """The present latent states (B, Z)."""
        ...

    def execute(self, blocks: Tensor) -> None:
        """Run ``blocks`` (B, K, A) of standardised actions."""
        ...


@dataclass(frozen=True)
class MPC:
    """Plan ``horizon`` blocks, execute ``execute`` of them, ``budget`` times, whether the goal is reached or not.

    With ``shrink``, the time of arrival is fixed: a replan plans only the blocks that are left of the horizon, and a
    new horizon starts after its end. Without, every replan plans the whole horizon, and so postpones the arrival.
    Open-loop planning is the special case ``execute == horizon, budget == 1``. With ``adapt``, the model takes gradient
    steps on what was seen of the last plan before the next is made. Raises LabError for other numbers, and for an
    ``adapt`` that is no `Adaptation`.
    """

    horizon: int = HORIZON
    execute: int = 1
    budget: int = 10
    shrink: bool = True
    adapt: Adaptation | None = None

    def __post_init__(self) -> None:
        if not (is_whole(self.horizon, 1) and is_whole(self.execute, 1, self.horizon) and is_whole(self.budget, 1)):
            raise LabError(
                f"MPC needs whole 1 <= execute <= horizon and a budget of at least 1, got execute {self.execute}, "
                f"horizon {self.horizon}, budget {self.budget}."
            )
        if self.adapt is not None:
            check_made("What MPC takes as adapt", self.adapt, Adaptation)

    def run(
        self,
        planner: Planner,
        model: Dynamics,
        objective: Objective,
        world: World,
        action_dim: int,
        seeds: Sequence[Seed],
        on_plan: Callable[[int, Plan], None] | None = None,
    ) -> list[Plan]:
        """Plan and execute in ``world`` until the budget is spent; returns the plans of all replans.

        ``seeds`` has one seed for each problem. ``on_plan`` is called with the number of each replan and its plan.
        """
        plans: list[Plan] = []
        warm = no_warm_start(len(seeds), self.horizon, action_dim)
        now = self.adapt.begin(model, len(seeds)) if self.adapt else model
        for replan in range(self.budget):
            horizon, z = self._horizon(replan), world.observe()
            streams = [child(seed, replan) for seed in seeds]
            plans.append(planner.plan(PlanRequest(now, z, objective, warm[:, :horizon], streams)))
            if on_plan:
                on_plan(replan, plans[-1])
            executed = plans[-1].actions[:, : self.execute]
            world.execute(executed)
            if self.adapt and isinstance(now, Adapted) and replan + 1 < self.budget:
                now = self.adapt.step(now, z, executed, world.observe())
            remaining = plans[-1].actions[:, self.execute :]
            warm = no_warm_start(len(seeds), self.horizon, action_dim)
            warm[:, : remaining.shape[1]] = remaining
        return plans

    def _horizon(self, replan: int) -> int:
        """The number of blocks to plan at this replan."""
        if not self.shrink:
            return self.horizon
        return max(self.execute, self.horizon - replan * self.execute % self.horizon)


OPEN_LOOP = MPC(execute=HORIZON, budget=1)  #: one plan, all of which is executed
MODES: dict[str, MPC] = {"open": OPEN_LOOP, "mpc": MPC()}  #: the two of the paper's Table 1
