"""The initialisation network: it maps a start and a goal to actions."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from lab.checksums import named_files, read_manifest, write_manifest
from lab.errors import LabError
from lab.files import replacing
from lab.models.checkpoint import bound_sizes, check_tensors, making_again_told, read_tensors
from lab.models.predictor import perceptron

FORMAT = "wm-initialisation/1"
SIZES = ("z_dim", "block_dim", "horizon", "hidden", "layers")


class InitialisationNetwork(nn.Module):
    """(z0, goal) -> blocks that lead from z0 to the goal in 1 to ``horizon`` latent steps (the paper's appendix).

    The authors' ``models/initnet.py`` returns action embeddings; this network returns standardised actions, like plans.
    """

    def __init__(self, z_dim: int, block_dim: int, horizon: int = 5, hidden: int = 192, layers: int = 3) -> None:
        super().__init__()
        self.sizes = dict(zip(SIZES, (z_dim, block_dim, horizon, hidden, layers), strict=True))
        self.horizon, self.block_dim = horizon, block_dim
        self.body = perceptron(2 * z_dim + horizon, hidden, layers)
        self.head = nn.Linear(hidden, horizon * block_dim)

    def forward(self, z0: Tensor, goal: Tensor, steps: Tensor) -> Tensor:
        """Blocks (B, horizon, A) of ``z0`` and ``goal`` (B, Z); the first ``steps`` (B,) of them count."""
        duration = F.one_hot(steps - 1, self.horizon).to(z0.dtype)
        return self.head(self.body(torch.cat([z0, goal, duration], -1))).view(-1, self.horizon, self.block_dim)

    def propose(self, z0: Tensor, goal: Tensor, steps: int) -> Tensor:
        """Blocks (B, steps, A) from ``z0`` to ``goal`` (B, Z); raises LabError for more steps than the horizon."""
        if steps > self.horizon:
            raise LabError(f"The initialisation network plans {self.horizon} steps at most, not {steps}.")
        return self(z0, goal, torch.full((len(z0),), steps, device=z0.device))[:, :steps]


def save_initialisation(network: InitialisationNetwork, folder: Path, info: dict[str, Any]) -> None:
    """Write ``network``, and ``info`` on its training, to ``folder``."""
    path = folder / "network.safetensors"
    with replacing(path) as temporary:
        temporary.write_bytes(save(network.state_dict(), metadata={"format": FORMAT}))
    write_manifest(folder / "network.json", {"format": FORMAT, "sizes": network.sizes, **info}, [path])


def load_initialisation(folder: Path, device: torch.device | str = "cpu") -> tuple[InitialisationNetwork, dict]:
    """The network in ``folder``, frozen, and its ``info``; raises LabError where it is missing or has been changed."""
    with making_again_told(folder):
        info = read_manifest(folder / "network.json", FORMAT)
        tensors: dict[str, Tensor] = {}
        for path, digest in named_files(folder / "network.json", info).items():
            tensors |= read_tensors(path, digest)
        try:
            bound_sizes(info["sizes"].values(), info["sizes"]["layers"], tensors, folder)
            with torch.device("meta"):  # nothing of these sizes is made before they are compared
                network = InitialisationNetwork(**info["sizes"])
        except (KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise LabError(f"{folder} does not hold an initialisation network of this lab ({error}).") from error
        check_tensors(tensors, network, folder)
    network.load_state_dict(tensors, assign=True)
    return network.to(device).eval().requires_grad_(False), info
