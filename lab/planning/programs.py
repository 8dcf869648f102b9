"""Whole planning loops as one program: `Compiled` runs a planner's loop in JAX, which XLA compiles.

torch runs a loop operator by operator; with small models that costs more than the arithmetic. The planner's class keeps
its options, chunks, restarts and random numbers, which torch draws, so that both backends plan from the same ones. Its
loop stands in `lab.planning.loops` once more, step by step as in the class.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
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
LOOPS: dict[type, str] = {GradientPlanner: "descend", CEM: "cem", ICEM: "icem", MPPI: "mppi", GradCEM: "gradcem"}


def on_backend(planner: IterativePlanner, backend: str = "auto") -> IterativePlanner:
    """``planner`` on torch or JAX; ``auto`` is JAX where it is installed and has the planner's loop, else torch.

    Raises LabError for an unknown backend, for JAX where it is not installed, and for a planner that it has no loop of.
    """
    check_known("backend", backend, BACKENDS)
    installed = importlib.util.find_spec("jax") is not None
    if backend == "torch" or (backend == "auto" and not (installed and type(planner) in LOOPS)):
        return planner
    if not installed:
        raise LabError("The backend jax needs JAX: install it with pip install -e '.[jax]', or choose torch.")
    if type(planner) not in LOOPS:
        raise LabError(f"JAX has no loop of {type(planner).__name__}: choose the backend torch or auto.")
    return Compiled(planner, strict=backend == "jax")


@dataclass(frozen=True)
class Compiled:
    """``planner`` with its loop as one program; its plans are those of ``planner`` up to rounding.

    A program is compiled for each new shape, and kept on disk. JAX follows `ResidualMLP` models and `GoalDistance`
    alone, and shows no iteration before the last: where a request has another model or objective, or a callback,
    ``planner`` itself plans, or with ``strict`` LabError is raised.
    """

    planner: Any  #: of a class in `LOOPS`
    strict: bool = False

    @property
    def iterations(self) -> int:
        """The planner's."""
        return self.planner.iterations

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`."""
        if reason := _beyond(request):
            if self.strict:
                raise LabError(f"JAX plans no {reason}: choose the backend torch or auto.")
            return self.planner.plan(request)
        if isinstance(self.planner, GradientPlanner):
            restarts = self.planner.restarts
            return in_chunks(best_of(restarts, self._run), max(1, self.planner.chunk // restarts), request)
        return in_chunks(self._run, self.planner.chunk, request)

    def _run(self, request: PlanRequest) -> Plan:
        loops, objective = _loops(), request.objective
        assert isinstance(objective, GoalDistance)
        rules = objective.latent_dim, objective.proprio, objective.decay
        drawn = self.planner.draw(request, generators(request.seeds, request.z0.device))
        parts = weights_of(request.model), request.z0, objective.goal, request.init, drawn
        plan = getattr(loops, LOOPS[type(self.planner)])(self.planner, rules, loops.as_arrays(parts))
        return Plan(*(torch.from_dlpack(part).to(request.z0.device) for part in plan))


def _beyond(request: PlanRequest) -> str | None:
    """What of the ``request`` JAX does not follow."""
    if not isinstance(_predictor(request.model), ResidualMLP):
        return f"model {type(request.model).__name__} (only a WorldModel with a ResidualMLP)"
    if type(request.objective) is not GoalDistance:
        return f"objective {type(request.objective).__name__} (only GoalDistance)"
    return "request with a callback" if request.callback else None


@cache
def _loops() -> ModuleType:
    """`lab.planning.loops`, which loads JAX; its programs are kept in the cache."""
    import jax

    jax.config.update("jax_compilation_cache_dir", str(cache_root() / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return importlib.import_module("lab.planning.loops")


def _predictor(model: object) -> object:
    """What imagines, where that is known: a class of somebody else's may do anything with its predictor."""
    return model.predictor if type(model) is WorldModel else model if type(model) is ResidualMLP else None


def weights_of(model: object) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
    """Weights of the hidden layers and of the head of a model's `ResidualMLP`, as `lab.planning.loops` takes them."""
    predictor = _predictor(model)
    assert isinstance(predictor, ResidualMLP)
    linears, norms = predictor.body[::3], predictor.body[1::3]
    hidden = [
        {"weight": linear.weight, "bias": linear.bias, "scale": norm.weight, "shift": norm.bias}
        for linear, norm in zip(linears, norms, strict=True)
    ]
    return hidden, {"weight": predictor.head.weight, "bias": predictor.head.bias}
