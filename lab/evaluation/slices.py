"""The planning loss over a 2-D slice of the action space, and how smooth it is (the paper's Figure 2).

Three measures of a slice, all invariant to the scale of the loss:

* *roughness*: the mean absolute discrete Laplacian over the grid, divided by the standard deviation of the loss (lower
  is smoother);
* *basin*: the share of grid points from which steepest descent on the grid ends in its lowest point, as in watershed
  segmentation (higher is a broader basin);
* *distance*: how far this lowest point is from the slice's centre (around the expert's actions, lower is better: a
  broad basin is of use where it leads to the expert).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lab.errors import check_seed
from lab.models import Dynamics
from lab.planning import Objective

MEASURES = ("roughness", "basin", "distance")
LESS_IS_BETTER = ("roughness", "distance")


@dataclass(frozen=True)
class Slice:
    """Loss (B, G, G) at ``centre + u * first + v * second`` for u (rows) and v (columns) in ``axis`` (G,)."""

    axis: np.ndarray
    loss: np.ndarray

    def roughness(self) -> np.ndarray:
        """The roughness (B,), see the module's docstring."""
        x = self.loss
        laplacian = x[:, 2:, 1:-1] + x[:, :-2, 1:-1] + x[:, 1:-1, 2:] + x[:, 1:-1, :-2] - 4 * x[:, 1:-1, 1:-1]
        return np.abs(laplacian).mean((1, 2)) / x.std((1, 2))

    def basin(self) -> np.ndarray:
        """The basin (B,), see the module's docstring."""
        return np.array([_basin(loss) for loss in self.loss])

    def distance(self) -> np.ndarray:
        """The distance (B,) of the lowest point, in units of ``axis``; see the module's docstring."""
        flat = self.loss.reshape(len(self.loss), -1).argmin(1)
        return np.hypot(*(self.axis[index] for index in np.unravel_index(flat, self.loss.shape[1:])))

    def measures(self) -> dict[str, np.ndarray]:
        """All `MEASURES` (B,) by name."""
        return {name: getattr(self, name)() for name in MEASURES}


def directions(seed: int, problems: int, horizon: int, action_dim: int) -> tuple[Tensor, Tensor]:
    """Two random orthonormal directions (B, H, A) of the action space for each problem.

    Raises LabError for a seed that is none.
    """
    check_seed(seed, most=2**63 - 1)  # as torch takes it
    rng = torch.Generator().manual_seed(int(seed))
    gaussian = torch.randn(problems, horizon * action_dim, 2, generator=rng)
    basis = torch.linalg.qr(gaussian).Q
    return basis[..., 0].view(problems, horizon, action_dim), basis[..., 1].view(problems, horizon, action_dim)


@torch.no_grad()
def landscape(
    model: Dynamics,
    z0: Tensor,
    objective: Objective,
    centre: Tensor,
    first: Tensor,
    second: Tensor,
    *,
    radius: float = 8.0,
    points: int = 41,
) -> Slice:
    """The planning loss on a grid of ``points`` x ``points`` plans around ``centre`` (B, H, A), to ``radius``.

    ``z0`` is (B, Z); ``first`` and ``second`` are the directions of the slice (B, H, A). ``radius`` is a length in the
    space of all H x A standardised action numbers.
    """
    axis = torch.linspace(-radius, radius, points, device=centre.device)
    u, v = (grid.reshape(-1, 1, 1) for grid in torch.meshgrid(axis, axis, indexing="ij"))
    rows = []
    for i in range(len(z0)):
        actions = centre[i] + u * first[i] + v * second[i]
        start = z0[i].expand(len(actions), -1)
        rows.append(objective[i : i + 1](model.rollout(start, actions)[None], actions[None]))
    return Slice(axis.cpu().numpy(), torch.cat(rows).view(-1, points, points).cpu().numpy())


def _basin(loss: np.ndarray) -> float:
    """Share of the grid (G, G) that flows to its minimum, if each point moves to the lowest of its 8 neighbours."""
    g = len(loss)
    padded = np.pad(loss, 1, constant_values=np.inf)
    shifts = [(i, j) for i in (0, -1, 1) for j in (0, -1, 1)]
    neighbours = np.stack([padded[1 + i : 1 + i + g, 1 + j : 1 + j + g] for i, j in shifts])
    step = np.array([i * g + j for i, j in shifts])[neighbours.argmin(0)].ravel()
    target = np.arange(g * g) + step
    for _ in range(int(np.ceil(np.log2(g * g))) + 1):  # pointer doubling: every path ends within g * g moves
        target = target[target]
    return float((target == loss.argmin()).mean())
