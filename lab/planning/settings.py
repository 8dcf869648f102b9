"""Settings of the planners on one task, shared by all of its models; they stand on the task's card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lab.planning.catalog import CATALOG, known, make_planner

if TYPE_CHECKING:
    from lab.planning.planner import IterativePlanner


@dataclass(frozen=True)
class Settings:
    """Options of planners and of the planning objective. Raises LabError for an unknown planner."""

    options: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict
    )  #: by planner, where they differ from the catalog's
    prior: float = 0.01  #: weight of the action prior, for the planner that has one
    proprio: float = 0.0  #: weight of the proprioceptive distance in the objective
    decay: float | None = None  #: of the weighted goal loss, see `GoalDistance`; None: the last step counts alone

    def __post_init__(self) -> None:
        for name in self.options:
            known(name)

    def described(self, name: str) -> dict[str, Any]:
        """The options of the planner called ``name`` that are not its class's defaults; nothing is imported for it."""
        return {**known(name).options, **self.options.get(name, {})}

    def planner(self, name: str, mode: str = "open") -> IterativePlanner:
        """The planner called ``name`` for ``mode``, open or mpc; raises LabError for an unknown name."""
        planner = make_planner(name, **self.options.get(name, {}))
        return shortened(planner, CATALOG[name].replan) if mode == "mpc" else planner


def shortened(planner: Any, iterations: int | None = None, samples: int | None = None) -> Any:
    """``planner`` with at most ``iterations`` and, if it samples, ``samples`` and a tenth as many elites."""
    options: dict[str, int] = {}
    if iterations is not None:
        options["iterations"] = min(planner.iterations, iterations)
    if samples is not None:
        options |= {"samples": samples, "elites": samples // 10}
    return replace(planner, **{option: count for option, count in options.items() if hasattr(planner, option)})
