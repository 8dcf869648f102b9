"""First-order optimisers of actions, with the update rules and defaults of ``torch.optim``."""

import torch
from torch import Tensor

from lab.errors import check_known

OPTIMISERS = ("sgd", "momentum", "adam", "adamw")
WEIGHT_DECAY = 0.01  #: of adamw


class Optimiser:
    """One run of the optimiser called ``name`` on variables shaped like ``variables``."""

    def __init__(self, name: str, lr: float, variables: Tensor) -> None:
        self.name, self.lr, self.t = name, lr, 0
        self.first, self.second = torch.zeros_like(variables), torch.zeros_like(variables)

    def step(self, variables: Tensor, gradient: Tensor) -> Tensor:
        """The update to subtract from the ``variables``, in their shape."""
        self.t += 1
        if self.name == "sgd":
            return self.lr * gradient
        if self.name == "momentum":
            return self.lr * self.first.mul_(0.9).add_(gradient)
        step = self._adam(gradient)
        return step if self.name == "adam" else step + self.lr * WEIGHT_DECAY * variables

    def keep(self, rows: Tensor) -> None:
        """Go on with these ``rows`` of the variables alone."""
        self.first, self.second = self.first[rows], self.second[rows]

    def _adam(self, gradient: Tensor) -> Tensor:
        self.first.lerp_(gradient, 0.1)
        self.second.lerp_(gradient**2, 0.001)
        mean, square = self.first / (1 - 0.9**self.t), self.second / (1 - 0.999**self.t)
        return self.lr * mean / (square.sqrt() + 1e-8)


def check_optimiser(name: str) -> None:
    """Raise LabError for an unknown name."""
    check_known("optimiser", name, OPTIMISERS)
