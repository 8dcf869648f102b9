"""2-D planes in the space of plans, for slices of the planning loss.

A plan has H x A standardised numbers; a plane shows two directions of that space. There are four ways to choose these:
at random, through three plans, along the gradient and the sharpest curvature, or along the principal components of the
optimisers' paths (as in Li et al. 2018, arXiv 1712.09913).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lab.evaluation.slices import directions
from lab.models import Dynamics
from lab.models.protocols import gradient
from lab.planning import GradientPlanner, Objective
from lab.planning.streams import first_plan_streams, generators, normal

STEP = 1e-2  #: of central differences, in standard deviations of the data's actions


@dataclass(frozen=True)
class Plane:
    """The plans ``centre + u * first + v * second``; all (H, A), the two directions orthonormal."""

    centre: Tensor
    first: Tensor
    second: Tensor

    def at(self, u: float, v: float) -> Tensor:
        """The plan (H, A) at the point ``u``, ``v`` of the plane."""
        return self.centre + u * self.first + v * self.second

    def project(self, plans: Tensor) -> np.ndarray:
        """The orthogonal projection of ``plans`` (..., H, A) on the plane, as u and v (..., 2)."""
        offset = plans - self.centre
        return torch.stack([(offset * d).sum((-2, -1)) for d in (self.first, self.second)], -1).numpy(force=True)

    def explained_variance(self, path: Tensor) -> float:
        """Share of the variance of ``path`` (N, H, A) about its mean that lies in the plane; 1 if all are equal."""
        centred = path - path.mean(0)
        total = float((centred**2).sum())
        return float((self.project(self.centre + centred) ** 2).sum()) / total if total > 0 else 1.0


@dataclass(frozen=True)
class Curvature:
    """Gradient and Hessian of a planning loss at one plan."""

    gradient: Tensor  #: (H, A)
    values: Tensor  #: (H * A,) eigenvalues of the Hessian, ascending
    vectors: Tensor  #: (H * A, H * A) its eigenvectors, as columns

    @property
    def sharpest(self) -> int:
        """The index of the eigenvalue of largest absolute value."""
        return int(self.values.abs().argmax())


def first_guess(planner: GradientPlanner, problem: int, shape: tuple[int, int], seed: int = 0) -> Tensor:
    """The plan (H, A) from which ``planner`` descends for a protocol's ``problem`` in open loop: no warm start."""
    streams = first_plan_streams(seed, range(problem, problem + 1))
    return planner.start * normal(generators(streams, torch.device("cpu")), shape)[0]


def random_plane(centre: Tensor, seed: int) -> Plane:
    """The plane through ``centre`` (H, A) along two random orthonormal directions."""
    first, second = directions(seed, 1, *centre.shape)
    return Plane(centre, first[0].to(centre), second[0].to(centre))


def plane_through(centre: Tensor, towards: Tensor, and_towards: Tensor) -> Plane:
    """The plane through three plans (H, A): ``towards`` lies on the positive u axis, ``and_towards`` at a positive v.

    If the three lie on a line, the plane is any that contains the line.
    """
    return _spanned(centre, towards - centre, and_towards - centre)


def principal_plane(centre: Tensor, path: Tensor) -> Plane:
    """The plane through ``centre`` along the first two principal components of the plans ``path`` (N, H, A)."""
    _, _, components = torch.linalg.svd((path - path.mean(0)).flatten(1), full_matrices=False)
    return _spanned(centre, *components[:2].unflatten(-1, centre.shape))


def curved_plane(centre: Tensor, curvature: Curvature) -> Plane:
    """The plane through ``centre`` along the gradient (u) and along the direction of sharpest curvature (v)."""
    sharpest = curvature.vectors[:, curvature.sharpest].view_as(centre)
    return _spanned(centre, curvature.gradient, sharpest)


def reach(plane: Plane, plans: Tensor, least: float = 0.0) -> float:
    """Half the side of a square slice that shows ``plans`` (N, H, A) with a margin; at least ``least``."""
    return max(least, 1.15 * float(np.abs(plane.project(plans)).max()))


def curvature(model: Dynamics, z0: Tensor, objective: Objective, plan: Tensor) -> Curvature:
    """Gradient and Hessian of the planning loss of one problem, ``z0`` (1, Z), at ``plan`` (H, A).

    The whole Hessian comes from central differences of gradients, computed in one batch: for the few numbers of a plan
    this is faster than a power iteration.
    """
    size = plan.numel()
    steps = STEP * torch.eye(size, device=plan.device).view(size, *plan.shape)
    gradients = _gradients(model, z0, objective, torch.cat([plan[None], plan + steps, plan - steps])).flatten(1)
    hessian = (gradients[1 : size + 1] - gradients[size + 1 :]) / (2 * STEP)
    values, vectors = torch.linalg.eigh((hessian + hessian.T) / 2)
    return Curvature(gradients[0].view_as(plan), values, vectors)


def _gradients(model: Dynamics, z0: Tensor, objective: Objective, plans: Tensor) -> Tensor:
    """The gradients (N, H, A) of the loss at ``plans`` (N, H, A), taken with respect to the plans alone."""
    plans = plans.detach().requires_grad_(True)
    loss = objective(model.rollout(z0.expand(len(plans), -1), plans)[None], plans[None])
    return gradient(loss.sum(), plans, model)


def _spanned(centre: Tensor, first: Tensor, second: Tensor) -> Plane:
    """The plane of two directions, which are orthonormalised and keep their signs."""
    spanning = torch.stack([first.flatten(), second.flatten()], 1)
    basis = torch.linalg.qr(spanning).Q
    basis = basis * torch.where((basis * spanning).sum(0) < 0, -1.0, 1.0)
    return Plane(centre, basis[:, 0].view_as(centre), basis[:, 1].view_as(centre))
