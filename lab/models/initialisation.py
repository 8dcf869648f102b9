"""The initialisation network: it maps a start and a goal to actions, and may say how sure it is of them."""

import math
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
SIZES = ("z_dim", "block_dim", "horizon", "hidden", "layers", "gaussian")
STD = (0.05, 2.0)  #: least and largest standard deviation, in standard deviations of the data's actions


class InitialisationNetwork(nn.Module):
    """(z0, goal) -> blocks that lead from z0 to the goal in 1 to ``horizon`` latent steps (the paper's appendix).

    The authors' ``models/initnet.py`` returns action embeddings; this network returns standardised actions, like plans.
    A ``gaussian`` one returns normal distributions of them, see `lab.planning.Informed`.
    """

    def __init__(
        self,
        z_dim: int,
        block_dim: int,
        horizon: int,
        hidden: int = 192,
        layers: int = 3,
        gaussian: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = dict(zip(SIZES, (z_dim, block_dim, horizon, hidden, layers, gaussian), strict=True))
        self.horizon, self.block_dim, self.gaussian = horizon, block_dim, gaussian
        self.body = perceptron(2 * z_dim + horizon, hidden, layers)
        self.head = nn.Linear(hidden, (1 + gaussian) * horizon * block_dim)

    def forward(self, z0: Tensor, goal: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation of blocks, both (B, horizon, A), from ``z0`` to ``goal`` (B, Z).

        The first ``steps`` (B,) blocks count. A network that is not gaussian has the standard deviation 1.
        """
        duration = F.one_hot(steps - 1, self.horizon).to(z0.dtype)
        out = self.head(self.body(torch.cat([z0, goal, duration], -1)))
        mean, *spread = out.view(-1, 1 + self.gaussian, self.horizon, self.block_dim).unbind(1)
        if not spread:
            return mean, torch.zeros_like(mean)
        low, high = map(math.log, STD)
        return mean, low + (high - low) * spread[0].sigmoid()

    def propose(self, z0: Tensor, goal: Tensor, steps: int) -> Tensor:
        """Blocks (B, steps, A) from ``z0`` to ``goal`` (B, Z); raises LabError for more steps than the horizon."""
        return self.believe(z0, goal, steps)[0]

    def believe(self, z0: Tensor, goal: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (B, steps, A) of these blocks; raises LabError as `propose` does."""
        if steps > self.horizon:
            raise LabError(f"The initialisation network plans {self.horizon} steps at most, not {steps}.")
        mean, log_std = self(z0, goal, torch.full((len(z0),), steps, device=z0.device))
        return mean[:, :steps], log_std[:, :steps].exp()


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
