"""The planners' settings, shared by all models of a task.

Those of the paper's three were chosen for the base model on the tune split; so were those of the others, by
`lab.studies.tuning_planners.study` (figures/reference/full/tuning_planners). On Rope and Granular these stand at
their defaults.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from lab.planning.catalog import CATALOG, PLANNERS, make_planner
from lab.planning.cem import CEM
from lab.planning.gradcem import GradCEM
from lab.planning.gradient import GradientPlanner
from lab.planning.icem import ICEM
from lab.planning.mppi import MPPI
from lab.planning.planner import IterativePlanner


@dataclass(frozen=True)
class Settings:
    """How plans are made on one task."""

    gd: GradientPlanner = field(default_factory=partial(make_planner, "gd"))
    adam: GradientPlanner = field(default_factory=partial(make_planner, "adam"))
    cem: CEM = field(default_factory=partial(make_planner, "cem"))
    momentum: GradientPlanner = field(default_factory=partial(make_planner, "momentum"))
    adamw: GradientPlanner = field(default_factory=partial(make_planner, "adamw"))
    restarts: GradientPlanner = field(default_factory=partial(make_planner, "restarts"))
    icem: ICEM = field(default_factory=partial(make_planner, "icem"))
    mppi: MPPI = field(default_factory=partial(make_planner, "mppi"))
    gradcem: GradCEM = field(default_factory=partial(make_planner, "gradcem"))
    prior: float = 0.01  #: weight of the action prior, where it is asked for
    proprio: float = 0.0  #: weight of the proprioceptive distance in the objective
    base: float | None = None  #: of the weighted goal loss; None: the last step alone

    def planner(self, name: str, mode: str = "open") -> IterativePlanner:
        """The planner called ``name`` for ``mode``, open or mpc; raises LabError naming the known ones otherwise."""
        planner = getattr(self, name, None) if name in PLANNERS else None
        planner = planner or make_planner(name)
        return shortened(planner, CATALOG[name].replan) if mode == "mpc" else planner


def shortened(planner: Any, iterations: int | None = None, samples: int | None = None) -> Any:
    """``planner`` with so many iterations at most and, where it samples, so many samples and a tenth as elites."""
    options: dict[str, int] = {}
    if iterations is not None:
        options["iterations"] = min(planner.iterations, iterations)
    if samples is not None:
        options |= {"samples": samples, "elites": samples // 10}
    return replace(planner, **{option: count for option, count in options.items() if hasattr(planner, option)})


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
