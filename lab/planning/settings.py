"""The planners' settings, shared by all models of a task and chosen for the base model on the tune split."""

from dataclasses import dataclass, field, replace

from lab.errors import LabError
from lab.planning.cem import CEM
from lab.planning.gradient import GradientPlanner
from lab.planning.planner import Planner

PLANNERS = ("gd", "adam", "cem")


@dataclass(frozen=True)
class Settings:
    """How plans are made on one task."""

    gd: GradientPlanner = field(default_factory=lambda: GradientPlanner("sgd", lr=1.0))
    adam: GradientPlanner = field(default_factory=lambda: GradientPlanner("adam", lr=0.1))
    cem: CEM = field(default_factory=CEM)
    replan_iterations: int = 100  #: of gradient planners at each replan of MPC, which starts warm (reference: 4.2)
    proprio: float = 0.0  #: weight of the proprioceptive distance in the objective
    base: float | None = None  #: of the weighted goal loss; None: the last step alone

    def planner(self, name: str, mode: str = "open") -> Planner:
        """The planner called ``name`` for ``mode``, open or mpc; raises LabError naming the known ones otherwise."""
        if name not in PLANNERS:
            raise LabError(f"Unknown planner '{name}': choose one of {', '.join(PLANNERS)}.")
        planner = getattr(self, name)
        if mode == "mpc" and isinstance(planner, GradientPlanner):
            return replace(planner, iterations=self.replan_iterations)
        return planner


SETTINGS: dict[str, Settings] = {
    "push_t": Settings(
        gd=GradientPlanner("sgd", lr=3.0, iterations=300), adam=GradientPlanner("adam", lr=0.1, iterations=100)
    ),
    "point_maze": Settings(),
    "wall": Settings(),
}
