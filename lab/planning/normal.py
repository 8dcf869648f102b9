"""Normal distributions over plans, and their product."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lab.errors import LabError


@dataclass(frozen=True)
class Normal:
    """Independent normals over the numbers of plans: ``mean`` and standard deviation ``std``, both (B, H, A)."""

    mean: Tensor
    std: Tensor

    def __getitem__(self, rows: slice | Tensor) -> Normal:
        """The same for some of the problems."""
        return Normal(self.mean[rows], self.std[rows])

    def __mul__(self, other: Normal) -> Normal:
        """The normalised product of both densities: precisions add up, and weigh the means.

        A standard deviation of 0 is sure of its mean, whatever the other says.
        """
        ours, theirs = self.std**2, other.std**2
        both = ours + theirs
        return Normal((self.mean * theirs + other.mean * ours) / both, self.std * other.std / both.sqrt())

    def distance(self, z: Tensor, actions: Tensor) -> Tensor:
        """The mean squared distance (B, ...) of ``actions`` (B, ..., H, A), in standard deviations, whatever ``z``.

        Raises LabError for parts of plans, such as the single steps of GRASP.
        """
        whole, part = tuple(self.mean.shape[1:]), tuple(actions.shape[-2:])
        if part != whole:
            raise LabError(f"A prior over plans {whole} judges no {part}: take a planner of whole plans, or weight 0.")
        shape = (len(self.mean), *[1] * (actions.ndim - 3), *self.mean.shape[1:])
        return (((actions - self.mean.view(shape)) / self.std.view(shape)) ** 2).mean((-2, -1))
