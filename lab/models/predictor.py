"""The predictor f: (z, a) -> next z, as a residual multilayer perceptron."""

import itertools

import torch
from torch import Tensor, nn


def perceptron(inputs: int, hidden: int, layers: int) -> nn.Sequential:
    """``layers`` hidden layers of a linear map, a normalisation and a GELU each."""
    blocks: list[nn.Module] = []
    for before, after in itertools.pairwise([inputs] + [hidden] * layers):
        blocks += [nn.Linear(before, after), nn.LayerNorm(after), nn.GELU(approximate="tanh")]
    return nn.Sequential(*blocks)


class ResidualMLP(nn.Module):
    """z + g(z, a) with ``layers`` hidden layers; g starts at zero, so an untrained model predicts no change."""

    kind = "mlp"

    def __init__(self, z_dim: int, action_dim: int, hidden: int = 512, layers: int = 3) -> None:
        super().__init__()
        self.body = perceptron(z_dim + action_dim, hidden, layers)
        self.head = nn.Linear(hidden, z_dim)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, z: Tensor, action: Tensor) -> Tensor:
        """The next state (..., Z) of each of ``z`` (..., Z) under ``action`` (..., A), from that state alone."""
        return z + self.head(self.body(torch.cat([z, action], -1)))

    step = forward

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """Imagine ``actions`` (..., H, A) from ``z0`` (..., Z); returns (..., H + 1, Z)."""
        trajectory = [z0]
        for action in actions.unbind(-2):
            trajectory.append(self(trajectory[-1], action))
        return torch.stack(trajectory, -2)
