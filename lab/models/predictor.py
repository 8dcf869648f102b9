"""The predictor f: (z, a) -> next z, as a residual multilayer perceptron."""

import itertools

import torch
from torch import Tensor, nn


class ResidualMLP(nn.Module):
    """z + g(z, a) with ``layers`` hidden layers; g starts at zero, so an untrained model predicts no change."""

    kind = "mlp"

    def __init__(self, z_dim: int, action_dim: int, hidden: int = 512, layers: int = 3) -> None:
        super().__init__()
        widths = [z_dim + action_dim] + [hidden] * layers
        blocks: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            blocks += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.GELU(approximate="tanh")]
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(hidden, z_dim)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, z: Tensor, action: Tensor) -> Tensor:
        return z + self.head(self.body(torch.cat([z, action], -1)))
