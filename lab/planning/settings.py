"""The planners' settings, shared by all models of a task and chosen for the base model on the tune split."""

from dataclasses import dataclass, field

from lab.errors import LabError
from lab.planning.cem import CEM
from lab.planning.gradient import GradientPlanner
from lab.planning.planner import Planner

PLANNERS = ("gd", "adam", "cem")


@dataclass(frozen=True)
class Settings:
    """How plans are made on one task."""

    gd: GradientPlanner = field(default_factory=lambda: GradientPlanner("sgd", lr=1.0))
    adam: GradientPlanner = field(default_factory=lambda: GradientPlanner("adam", lr=0.1, iterations=100))
    cem: CEM = field(default_factory=CEM)
    proprio: float = 0.0  #: weight of the proprioceptive distance in the objective
    base: float | None = None  #: of the weighted goal loss; None: the last step alone

    def planner(self, name: str) -> Planner:
        """The planner called ``name``; raises LabError naming the known ones otherwise."""
        if name not in PLANNERS:
            raise LabError(f"Unknown planner '{name}': choose one of {', '.join(PLANNERS)}.")
        return getattr(self, name)


SETTINGS: dict[str, Settings] = {"push_t": Settings(), "point_maze": Settings(), "wall": Settings()}
