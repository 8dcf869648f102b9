"""Adaptation of the world model while it is used: after each replan a gradient step, on what was just seen.

After AdaJEPA (arXiv 2606.32026), which updates a latent world model in the loop of MPC by its error in predicting the
transition that was just executed. Of each problem i, with its own weights theta_i that begin as the trained ones:

    theta_i <- theta_i - lr * grad || f_theta(z_t, a_t) - z_{t+1} ||^2 / Z

What differs: here only the predictor's last layer is adapted, so that hundreds of problems adapt side by side; the step
is plain gradient descent; only the last transition counts. On Wall's tune split, rates of 0.03, 0.1 and 0.3 reached as
many goals as no adaptation: 82, 82, 81 and 82 of 120 (base model, four conditions of 30 problems).

Dimensions: ``B`` problems, ``Z`` numbers of a latent state, ``H`` action blocks, ``A`` numbers of a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lab.errors import LabError
from lab.planning.options import check_options


class Adapted:
    """``model`` with weights of their own for each of B problems, which `PlanRequest` hands out like their states."""

    def __init__(self, model: nn.Module, weights: Mapping[str, Tensor]) -> None:
        self.model, self.weights = model, weights  #: by name (B, ...)

    def __getitem__(self, rows: slice | Tensor) -> Adapted:
        """The same for some of the problems."""
        return Adapted(self.model, {name: weight[rows] for name, weight in self.weights.items()})

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """See `Dynamics.rollout`: z0 (B, ..., Z) and actions (B, ..., H, A) of all problems."""
        return vmap(self._one)(dict(self.weights), z0, actions)

    def _one(self, weights: dict[str, Tensor], z0: Tensor, actions: Tensor) -> Tensor:
        return functional_call(_Rollout(self.model), weights, (z0, actions))


@dataclass(frozen=True)
class Adaptation:
    """``steps`` gradient steps of the weights whose names begin with ``part``, after each executed part of a plan.

    Raises LabError for options out of range, and for a ``part`` that is no text.
    """

    lr: float = 0.1
    steps: int = 1
    part: str = "predictor.head"

    def __post_init__(self) -> None:
        check_options(self)
        if not isinstance(self.part, str):
            raise LabError(f"Adaptation needs the beginning of weights' names as part, got {self.part!r:.80}.")

    def begin(self, model: Any, problems: int) -> Adapted:
        """``model`` as trained, for each of B ``problems``; raises LabError where it has no such weights."""
        named = model.named_parameters() if isinstance(model, nn.Module) else ()
        weights = {f"model.{name}": weight for name, weight in named if name.startswith(self.part)}
        if not weights:
            raise LabError(f"{type(model).__name__} has no weights called {self.part}: name those that adapt as part.")
        return Adapted(model, {name: w.detach().expand(problems, *w.shape) for name, w in weights.items()})

    def step(self, adapted: Adapted, z: Tensor, blocks: Tensor, seen: Tensor) -> Adapted:
        """``adapted`` after the ``blocks`` (B, H, A), executed in ``z`` (B, Z), have led to ``seen`` (B, Z).

        Raises LabError where what the model imagines does not depend on all of the weights.
        """
        for _ in range(self.steps):
            with torch.inference_mode(False), torch.enable_grad():
                weights = {name: weight.detach().requires_grad_() for name, weight in adapted.weights.items()}
                imagined = Adapted(adapted.model, weights).rollout(z, blocks)[:, -1]
                loss = ((imagined - seen) ** 2).mean(-1).sum()  # the weights of a problem get its own gradient
                gradients = _gradients(loss, weights)
            if not gradients:
                raise LabError(
                    f"{type(adapted.model).__name__}.rollout does not depend on all weights called '{self.part}': name "
                    "those that predict as part."
                )
            stepped = [w.detach() - self.lr * g for w, g in zip(weights.values(), gradients, strict=True)]
            adapted = Adapted(adapted.model, dict(zip(weights, stepped, strict=True)))
        return adapted


def _gradients(loss: Tensor, weights: Mapping[str, Tensor]) -> list[Tensor]:
    """The gradient of ``loss`` with respect to each of the ``weights``; none where it depends not on all of them."""
    if not loss.requires_grad:
        return []
    gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    return [] if any(gradient is None for gradient in gradients) else list(gradients)


def for_rows(model: Any, rows: slice | Tensor) -> Any:
    """``model`` for some of the problems: the same for all, unless it is `Adapted`."""
    return model[rows] if isinstance(model, Adapted) else model


class _Rollout(nn.Module):
    """`functional_call` calls a module as a function; this one is a model's rollout."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, z0: Tensor, actions: Tensor) -> Tensor:
        rollout: Any = self.model.rollout
        return rollout(z0, actions)
