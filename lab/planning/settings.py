"""The planners' settings, shared by all models of a task.

Those of the paper's three were chosen for the base model on the tune split; so were those of the others, by
`lab.studies.tuning_planners.study` (figures/reference/full/tuning_planners). On Rope and Granular these stand at
their defaults.
"""

from dataclasses import dataclass, field, replace

from lab.errors import LabError
from lab.planning.cem import CEM
from lab.planning.gradcem import GradCEM
from lab.planning.gradient import GradientPlanner
from lab.planning.icem import ICEM
from lab.planning.mppi import MPPI

PAPER_PLANNERS = ("gd", "adam", "cem")  #: of the paper's Table 1
Tuned = GradientPlanner | CEM | ICEM | MPPI | GradCEM  #: a planner that has settings
PLANNERS = ("gd", "momentum", "adam", "adamw", "restarts", "cem", "icem", "mppi", "gradcem")


@dataclass(frozen=True)
class Settings:
    """How plans are made on one task."""

    gd: GradientPlanner = field(default_factory=lambda: GradientPlanner("sgd", lr=1.0))
    adam: GradientPlanner = field(default_factory=lambda: GradientPlanner("adam", lr=0.1))
    cem: CEM = field(default_factory=CEM)
    momentum: GradientPlanner = field(default_factory=lambda: GradientPlanner("momentum", lr=0.1))
    adamw: GradientPlanner = field(default_factory=lambda: GradientPlanner("adamw", lr=0.1))
    restarts: GradientPlanner = field(default_factory=lambda: GradientPlanner("adam", lr=0.1, restarts=8))
    icem: ICEM = field(default_factory=ICEM)
    mppi: MPPI = field(default_factory=MPPI)
    gradcem: GradCEM = field(default_factory=lambda: GradCEM(samples=100, elites=10, chunk=15))
    prior: float = 0.01  #: weight of the action prior, where it is asked for
    replan_iterations: int = 100  #: of gradient planners at each replan of MPC, which starts warm (reference: 4.2)
    replan_cem: int = 10  #: of CEM there; 30 were no better (PushT's base model, tune split: 37 of 64 with either)
    proprio: float = 0.0  #: weight of the proprioceptive distance in the objective
    base: float | None = None  #: of the weighted goal loss; None: the last step alone

    def planner(self, name: str, mode: str = "open") -> Tuned:
        """The planner called ``name`` for ``mode``, open or mpc; raises LabError naming the known ones otherwise."""
        if name not in PLANNERS:
            raise LabError(f"Unknown planner '{name}': choose one of {', '.join(PLANNERS)}.")
        planner: Tuned = getattr(self, name)
        if mode == "mpc":
            most = {GradientPlanner: self.replan_iterations, CEM: self.replan_cem}
            return shortened(planner, most.get(type(planner)))
        return planner


def shortened(planner: Tuned, iterations: int | None = None, samples: int | None = None) -> Tuned:
    """``planner`` with so many iterations at most and, where it samples, so many samples and a tenth as elites."""
    if iterations is not None:
        planner = replace(planner, iterations=min(planner.iterations, iterations))
    if samples is not None and isinstance(planner, MPPI):
        return replace(planner, samples=samples)
    if samples is not None and isinstance(planner, CEM | ICEM | GradCEM):
        return replace(planner, samples=samples, elites=samples // 10)
    return planner


#: Rope and Granular: as on PushT, not tuned further
PUSHING = Settings(adam=GradientPlanner("adam", lr=0.1, iterations=100))

SETTINGS: dict[str, Settings] = {
    "push_t": Settings(
        gd=GradientPlanner("sgd", lr=3.0, iterations=300),
        adam=GradientPlanner("adam", lr=0.1, iterations=100),
        cem=CEM(iterations=30),  # the authors' number; it is 10 on PointMaze and Wall (reference: 4.3)
        momentum=GradientPlanner("momentum", lr=1.0),
        adamw=GradientPlanner("adamw", lr=0.1, iterations=100),
        restarts=GradientPlanner("adam", lr=0.1, iterations=100, restarts=8),
        icem=ICEM(beta=0.0),
        mppi=MPPI(temperature=0.001, std=1.0),
        gradcem=GradCEM(samples=100, elites=10, chunk=15, lr=0.1),
    ),
    "point_maze": Settings(
        adamw=GradientPlanner("adamw", lr=0.1, iterations=100),
        icem=ICEM(beta=1.0),
        mppi=MPPI(temperature=0.01, std=0.5),
        gradcem=GradCEM(samples=100, elites=10, chunk=15, lr=0.3),
    ),
    "wall": Settings(
        momentum=GradientPlanner("momentum", lr=0.3),
        adamw=GradientPlanner("adamw", lr=0.3, iterations=100),
        icem=ICEM(beta=2.0),
        mppi=MPPI(temperature=0.001, std=1.0),
        gradcem=GradCEM(samples=100, elites=10, chunk=15, lr=0.1),
    ),
    "rope": PUSHING,
    "granular": PUSHING,
}
