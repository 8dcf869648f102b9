"""The planners by name: how figures show each, and how it is made. Loads without torch.

A new planner is a new file and one entry here; commands, pages and studies read the entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from lab.errors import check_known


@dataclass(frozen=True)
class Entry:
    """One planner: its look in figures, and its factory with options."""

    label: str
    colour: str  #: gradient-based ones in blues and greens, sampling ones in reds and golds
    marker: str  #: of matplotlib
    factory: str = ""  #: ``module:class``; empty for planners that need a network or data besides options
    options: Mapping[str, Any] = field(default_factory=dict)  #: options that differ from the factory's defaults
    replan: int | None = (
        None  #: most iterations of a replan in MPC, which starts warm; None: as many as of a first plan
    )


GRADIENT = "lab.planning.gradient:GradientPlanner"
#: chosen on the tune splits of PointMaze and Wall: a model rarely misjudges plans within 2 standard deviations of the
#: data's actions; screened starts and shrinking steps save iterations
RESTARTS = {"lr": 0.3, "iterations": 40, "restarts": 8, "candidates": 16, "cooling": 0.3, "bound": 2.0}
#: chosen on the tune splits of PushT, PointMaze and Wall (150 data-set problems, base model): 100 iterations take as
#: long as 40 of 8 starts that all run to the end; chunks are larger, because only an eighth of the starts is left
RACED = RESTARTS | {"iterations": 100, "race": 0.1, "chunk": 1024}
#: all of them by name, in the order in which figures show them
CATALOG: dict[str, Entry] = {
    "gd": Entry("GD", "#56B4E9", "o", GRADIENT, {"optimiser": "sgd", "lr": 1.0}, 100),
    "momentum": Entry("Momentum", "#3B7FC4", "v", GRADIENT, {"optimiser": "momentum", "lr": 0.1}, 100),
    "adam": Entry("Adam", "#009E73", "s", GRADIENT, {"lr": 0.1}, 100),
    "adamw": Entry("AdamW", "#6FA800", "p", GRADIENT, {"optimiser": "adamw", "lr": 0.1}, 100),
    "restarts": Entry("Adam, 8 starts", "#2AA5A0", "h", GRADIENT, RESTARTS, 40),
    "raced": Entry("Adam, raced", "#17706E", "2", GRADIENT, RACED, 40),
    # defaults: the best of 25 settings on the tune splits: data-set goals 5 or 10 steps away; those of the others
    # are for 5 steps (see `lab.benchmarks`)
    "grasp": Entry("GRASP", "#00594C", "X", "lab.planning.grasp:GRASP"),
    "prior": Entry("Adam with prior", "#44A2B8", "H"),
    "adam+bound": Entry("Adam, bounded", "#7FBF9F", "8"),
    "network": Entry("Network", "#7B9FD0", "P"),
    "network+adam": Entry("Network, then Adam", "#0065B0", "*"),
    # 30 iterations at each replan were no better (PushT's base model, tune split: 37 of 64 with either)
    "cem": Entry("CEM", "#CC79A7", "D", "lab.planning.cem:CEM", replan=10),
    "cem+bound": Entry("CEM, bounded", "#E0A3C4", "d"),
    "icem": Entry("iCEM", "#B05FD0", "^", "lab.planning.icem:ICEM"),
    "mppi": Entry("MPPI", "#B8860B", "<", "lab.planning.mppi:MPPI"),
    "gradcem": Entry(
        "GradCEM", "#CC6677", ">", "lab.planning.gradcem:GradCEM", {"samples": 100, "elites": 10, "chunk": 15}
    ),
    "random": Entry("Random", "#999999", "x"),
    "nothing": Entry("Do nothing", "#BBBBBB", "+"),
}
PLANNERS = tuple(name for name, entry in CATALOG.items() if entry.factory)  #: those that `make_planner` makes
BACKENDS = ("auto", "torch", "jax")  #: what runs their loops, see `lab.planning.programs`
PAPER_PLANNERS = ("gd", "adam", "cem")  #: of the paper's Table 1
COMPARED = ("gd", "adam", "restarts", "cem")  #: those, and the strongest that starts from noise and descends


def known(name: str) -> Entry:
    """The entry of the planner called ``name``; raises LabError for a name that is not in `PLANNERS`."""
    check_known("planner", name, PLANNERS)
    return CATALOG[name]


def make_planner(name: str, **options: Any) -> Any:
    """The planner called ``name`` (an `IterativePlanner`), with ``options`` in place of the catalog's.

    Raises LabError for a name or an option that is not known.
    """
    entry = known(name)
    module, _, factory = entry.factory.partition(":")
    make = getattr(import_module(module), factory)
    for option in options:
        check_known(f"option of planner {name}", option, make.__dataclass_fields__)
    return make(**{**entry.options, **options})
