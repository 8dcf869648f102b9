"""How the cost of a plan grows with its size: measured curves, and the exponents that are fitted to them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from lab.bench import ADAM, CEM_30, alternate, small_model
from lab.bench_others import Measured
from lab.data import HORIZON
from lab.evaluation.statistics import exponents
from lab.planning import GoalDistance, PlanRequest, no_warm_start, on_backend


@dataclass(frozen=True)
class Size:
    """What a plan's cost depends on."""

    problems: int = 20
    horizon: int = HORIZON  #: latent steps
    latent: int = 64  #: numbers of a latent state
    hidden: int = 128  #: width of the predictor's three hidden layers


PLANNERS: dict[str, Measured] = {"Adam": replace(ADAM, iterations=20), "CEM": replace(CEM_30, iterations=5)}
SIZES = {
    "problems": (1, 4, 16, 64, 256),
    "horizon": (5, 10, 20, 40),
    "latent": (16, 64, 256, 1024),
    "hidden": (64, 128, 256, 512),
}


@dataclass(frozen=True)
class Curve:
    """The median ``seconds`` of a plan of one iteration at each of the ``values`` of one part of `Size`."""

    planner: str
    part: str
    values: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponents(self) -> tuple[float, float]:
        """p of ``seconds ~ value ** p``, over all values, and between the last two, where overhead weighs least."""
        return exponents(self.values, self.seconds)


def measure(backend: str = "torch") -> list[Curve]:
    """The curve of every planner and part, in ``backend``; all else is as in `Size`."""
    return [
        Curve(planner, part, values, tuple(seconds(planner, replace(Size(), **{part: v}), backend) for v in values))
        for planner in PLANNERS
        for part, values in SIZES.items()
    ]


def seconds(name: str, size: Size, backend: str) -> float:
    """Median seconds of an iteration of planner ``name``."""
    planner, model = on_backend(PLANNERS[name], backend), small_model(size.latent, size.hidden)
    z0, goal = torch.randn(2, size.problems, size.latent, generator=torch.Generator().manual_seed(0)).unbind()
    init = no_warm_start(size.problems, size.horizon, model.block_dim)
    request = PlanRequest(model, z0, GoalDistance(goal, size.latent), init, range(size.problems))
    (median,) = alternate(lambda: planner.plan(request))
    return median / planner.iterations


def as_table(curves: Sequence[Curve]) -> str:
    """``curves`` for people."""
    lines = []
    for curve in curves:
        measured = "  ".join(f"{v}: {1000 * s:.2f} ms" for v, s in zip(curve.values, curve.seconds, strict=True))
        fitted, last = curve.exponents
        lines.append(f"{curve.planner:5}{curve.part:10}{measured:75}exponent {fitted:.2f}, {last:.2f} at the end")
    usual = ", ".join(f"{part} {value}" for part, value in asdict(Size()).items())
    return "\n".join([*lines, f"an iteration of a plan, on all cores; all else: {usual}"])


def as_rows(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    """``curves`` for programs."""
    return [asdict(curve) | {"exponents": curve.exponents} for curve in curves]
