"""The planners' settings, shared by all models of a task; each task's are on its card."""

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
