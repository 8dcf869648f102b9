"""Whole planning loops as one program: `Compiled` runs a planner's loop in JAX, which XLA compiles.

torch runs a loop operator by operator; with small models that costs more than the arithmetic. The planner's class keeps
its options, chunks, restarts and random numbers, which torch draws, so that both backends plan from the same ones. Its
loop stands in `lab.planning.loops` once more, step by step as in the class.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from lab.errors import LabError, check_known
from lab.files import cache_root
from lab.models import WorldModel
from lab.models.predictor import ResidualMLP
from lab.planning.catalog import BACKENDS
from lab.planning.cem import CEM
from lab.planning.gradcem import GradCEM
from lab.planning.gradient import GradientPlanner
from lab.planning.icem import ICEM
from lab.planning.mppi import MPPI
from lab.planning.objective import GoalDistance
from lab.planning.planner import IterativePlanner, Plan, PlanRequest, in_chunks
from lab.planning.restarts import best_of
from lab.planning.streams import generators

#: by the planner's class: its loop in `lab.planning.loops`
LOOPS: dict[type, str] = {GradientPlanner: "descend", CEM: "cem", ICEM: "icem", MPPI: "mppi", GradCEM: "cem"}


def on_backend(planner: IterativePlanner, backend: str = "auto") -> IterativePlanner:
    """``planner`` on torch or JAX; ``auto`` is JAX where it is installed and has the planner's loop, else torch.

    Raises LabError for an unknown backend, for JAX where it is not installed, and for a planner that it has no loop of.
    """
    check_known("backend", backend, BACKENDS)
    planner = planner.planner if isinstance(planner, Compiled) else planner
    installed = importlib.util.find_spec("jax") is not None
    if backend == "torch" or (backend == "auto" and not (installed and _has_loop(planner))):
        return planner
    if not installed:
        raise LabError("The backend jax needs JAX: install it with pip install -e '.[jax]', or choose torch.")
    return Compiled(planner, strict=backend == "jax")


@dataclass(frozen=True)
class Compiled:
    """``planner`` with its loop as one program; its plans are those of ``planner`` up to rounding.

    A program is compiled for each new shape and each other option of the planner. JAX follows `ResidualMLP` models and
    `GoalDistance` alone, in single precision on the CPU, and shows no iteration before the last. Where a request asks
    for something else, ``planner`` itself plans, or with ``strict`` LabError is raised.
    """

    planner: Any  #: of a class in `LOOPS`
    strict: bool = False

    def __post_init__(self) -> None:
        if not _has_loop(self.planner):
            racing = " with a race of its starts" * (type(self.planner) in LOOPS)
            raise LabError(
                f"JAX has no loop of {type(self.planner).__name__}{racing}: choose the backend torch or auto."
            )

    @property
    def iterations(self) -> int:
        """The planner's."""
        return self.planner.iterations

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        if reason := _beyond(request):
            if self.strict:
                raise LabError(f"JAX cannot plan with {reason}: choose the backend torch or auto.")
            return self.planner.plan(request)
        if isinstance(self.planner, GradientPlanner):
            restarts = self.planner.restarts
            return in_chunks(best_of(restarts, self._run), max(1, self.planner.chunk // restarts), request)
        return in_chunks(self._run, self.planner.chunk, request)

    def _run(self, request: PlanRequest) -> Plan:
        loops, objective = _loops(), request.objective
        assert isinstance(objective, GoalDistance)
        decay = None if objective.decay is None else float(objective.decay)
        rules = objective.latent_dim, float(objective.proprio), decay
        drawn = self.planner.draw(request, generators(request.seeds, request.z0.device))
        parts = weights_of(_perceptron(request.model)), request.z0, objective.goal, request.init, drawn
        options = replace(self.planner, chunk=1)  # another chunk needs no other program
        plan = getattr(loops, LOOPS[type(self.planner)])(options, rules, loops.as_arrays(parts))
        return Plan(*(torch.from_dlpack(part) for part in plan))


def _has_loop(planner: object) -> bool:
    return type(planner) in LOOPS and not getattr(planner, "race", 0)


def _beyond(request: PlanRequest) -> str | None:
    """What of the ``request`` JAX does not follow."""
    predictor = _perceptron(request.model)
    if predictor is None:
        return f"the model {type(request.model).__name__} (only with a WorldModel whose predictor is a ResidualMLP)"
    if any(part._forward_hooks or part._forward_pre_hooks for part in (request.model, *predictor.modules())):
        return "a model that has hooks"
    if type(request.objective) is not GoalDistance:
        return f"the objective {type(request.objective).__name__} (only with GoalDistance)"
    if request.callback:
        return "a callback"
    if request.prior:
        return "a prior"
    parts = request.z0, request.objective.goal, request.init, *predictor.parameters()
    if kinds := {f"{part.dtype} on {part.device.type}" for part in parts} - {"torch.float32 on cpu"}:
        return f"{' and '.join(sorted(kinds))} (only with torch.float32 on cpu)"
    sizes = request.z0.shape[-1], request.z0.shape[-1] + request.init.shape[-1]
    if sizes != (predictor.head.out_features, predictor.body[0].in_features):
        return f"states of {sizes[0]} numbers and actions of {request.init.shape[-1]}, which are not the model's"
    return None


def _perceptron(model: Any) -> ResidualMLP | None:
    """What imagines, if it is a perceptron of ours: a class of somebody else's may do anything with it."""
    predictor = model.predictor if type(model) is WorldModel else model
    return predictor if type(predictor) is ResidualMLP else None


def weights_of(predictor: ResidualMLP | None) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
    """Weights of its hidden layers and of its head, as `lab.planning.loops` takes them."""
    assert predictor is not None
    hidden = [
        _layer(linear) | {"scale": norm.weight, "shift": norm.bias}
        for linear, norm in zip(predictor.body[::3], predictor.body[1::3], strict=True)
    ]
    return hidden, _layer(predictor.head)


def _layer(linear: Any) -> dict[str, Tensor]:
    return {"weight": linear.weight, "transposed": linear.weight.T, "bias": linear.bias}


@cache
def _loops() -> ModuleType:
    """`lab.planning.loops`, which loads JAX; its programs are kept in the cache, or where the user keeps them."""
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_root() / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return importlib.import_module("lab.planning.loops")
