"""Planes in the space of plans, on losses whose shape is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lab.evaluation.plane import (
    Plane,
    curvature,
    curved_plane,
    first_guess,
    plane_through,
    principal_plane,
    random_plane,
)
from lab.evaluation.slices import landscape
from lab.planning import GoalDistance, GradientPlanner
from lab.planning.planner import PlanRequest, no_warm_start
from lab.planning.streams import child, problem_streams

H, A = 3, 4


class Stretched:
    """z moves by the actions, each number scaled by its own factor: the loss is a quadratic of known Hessian."""

    scale = torch.tensor([1.0, 2.0, 3.0, 0.5])

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        moved = z0[..., None, :] + (actions * self.scale).cumsum(-2)
        return torch.cat([z0[..., None, :], moved], -2)


def plans(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, H, A, generator=torch.Generator().manual_seed(seed))


def orthonormal(plane: Plane) -> bool:
    both = torch.stack([plane.first.flatten(), plane.second.flatten()])
    return torch.allclose(both @ both.T, torch.eye(2), atol=1e-5)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_what_spans_a_plane_lies_in_it(seed):
    centre, first, second = plans(3, seed)
    plane = plane_through(centre, first, second)
    assert orthonormal(plane)
    u, v = plane.project(torch.stack([first, second])).T
    assert u[0] > 0 and abs(v[0]) < 1e-4 and v[1] > 0
    for plan, a, b in zip((first, second), u, v, strict=True):
        torch.testing.assert_close(plane.at(float(a), float(b)), plan, atol=1e-4, rtol=1e-4)
    assert plane.explained_variance(torch.stack([centre, first, second])) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("second", [0.0, 1.0, -2.0])
def test_three_plans_on_a_line(second):
    centre, first = plans(2)
    plane = plane_through(centre, first, centre + second * (first - centre))
    assert orthonormal(plane)
    assert plane.explained_variance(torch.stack([centre, first])) == pytest.approx(1, abs=1e-4)


def test_principal_components_hold_more_than_any_other_plane():
    path = plans(20).cumsum(0)
    principal = principal_plane(path[-1], path)
    others = [random_plane(path[-1], seed).explained_variance(path) for seed in range(20)]
    assert orthonormal(principal) and 1 >= principal.explained_variance(path) > max(others)
    np.testing.assert_allclose(principal.project(path[-1]), 0, atol=1e-5)
    assert principal.explained_variance(path[:1]) == 1.0


def test_a_random_plane_is_the_same_for_the_same_seed():
    centre = plans(1)[0]
    first, again, other = (random_plane(centre, seed) for seed in (3, 3, 4))
    assert orthonormal(first) and torch.equal(first.first, again.first) and not torch.equal(first.first, other.first)


def test_the_curvature_of_a_quadratic():
    z0, goal, plan = torch.zeros(1, A), torch.ones(1, A), plans(1)[0]
    found = curvature(Stretched(), z0, GoalDistance(goal, A), plan)
    end = (plan * Stretched.scale).sum(0)
    expected = (2 / A * (end - goal[0]) * Stretched.scale).expand(H, A)
    torch.testing.assert_close(found.gradient, expected, atol=1e-4, rtol=1e-3)
    sharpest = H * 2 / A * 3.0**2  # all H actions along the third number, the one most stretched
    assert float(found.values[found.sharpest]) == pytest.approx(sharpest, rel=1e-3)
    plane = curved_plane(plan, found)
    assert orthonormal(plane)
    gradient = found.gradient / found.gradient.norm()
    torch.testing.assert_close(plane.first, gradient, atol=1e-4, rtol=1e-3)


def test_the_slice_of_a_plane_is_the_loss_of_its_plans():
    z0, objective, plane = torch.zeros(1, A), GoalDistance(torch.ones(1, A), A), random_plane(plans(1)[0], 0)
    cut = landscape(
        Stretched(), z0, objective, plane.centre[None], plane.first[None], plane.second[None], radius=2.0, points=5
    )
    plan = plane.at(float(cut.axis[1]), float(cut.axis[4]))[None]
    assert cut.loss[0, 1, 4] == pytest.approx(float(objective(Stretched().rollout(z0, plan), plan)), rel=1e-4)


def test_no_weight_ever_collects_a_gradient(tiny_model):
    model = tiny_model("wall")
    z0 = torch.zeros(1, model.latent_dim + model.spec.proprio_dim)
    found = curvature(model, z0, GoalDistance(z0 + 1, model.latent_dim), torch.zeros(5, model.block_dim))
    assert found.gradient.norm() > 0 and found.values.isfinite().all()
    assert all(p.grad is None for p in model.parameters())


def test_gradient_planners_begin_at_their_first_guess(tiny_model):
    model, planner = tiny_model("wall"), GradientPlanner(iterations=2)
    seen = []
    z0 = torch.zeros(1, model.latent_dim + model.spec.proprio_dim)
    init, streams = no_warm_start(1, 5, model.block_dim), [child(*problem_streams(0, range(7, 8)), 0)]
    planner.plan(
        PlanRequest(model, z0, GoalDistance(z0, model.latent_dim), init, streams, lambda i, plan, _: seen.append(plan))
    )
    assert torch.equal(seen[0][0], first_guess(planner, 7, (5, model.block_dim)))
