"""One step of each planner beyond plain gradient descent and CEM, against the rules written out, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.models.initialisation import InitialisationNetwork
from lab.planning import (
    CEM,
    GRASP,
    ICEM,
    MPPI,
    PLANNERS,
    ActionPrior,
    Consistency,
    GoalDistance,
    GradCEM,
    GradientPlanner,
    Informed,
    Initialised,
    Normal,
    Penalised,
    PlanRequest,
    no_warm_start,
    shortened,
)
from lab.planning.icem import coloured
from lab.planning.optimisers import Optimiser
from lab.planning.settings import Settings
from lab.planning.streams import child, generators, normal

H, A = 3, 2


class Sum:
    """z' = z + a."""

    def rollout(self, z0, actions):
        return torch.cat([z0.unsqueeze(-2), z0.unsqueeze(-2) + actions.cumsum(-2)], -2)


def problems(n, seed=0):
    """(z0, objective, init) of ``n`` problems in float64."""
    rng = torch.Generator().manual_seed(seed)
    z0, goal = torch.randn(2, n, A, dtype=torch.float64, generator=rng).unbind()
    return z0, GoalDistance(goal, A), no_warm_start(n, H, A).double()


def noise_of(seed, *shape):
    """The normal numbers (*shape) that a problem of this seed draws first."""
    return normal(generators([seed], torch.device("cpu")), shape)[0]


# --- Gradients


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("sgd", lambda a: torch.optim.SGD(a, 0.1)),
        ("momentum", lambda a: torch.optim.SGD(a, 0.1, momentum=0.9)),
        ("adam", lambda a: torch.optim.Adam(a, 0.1)),
        ("adamw", lambda a: torch.optim.AdamW(a, 0.1)),
    ],
)
def test_optimisers_take_torchs_steps(name, reference):
    z0, objective, _ = problems(4)
    start = torch.randn(4, H, A, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours = GradientPlanner(name, lr=0.1, iterations=7, noise=0.0).plan(
        PlanRequest(Sum(), z0, objective, start, range(4))
    )
    actions = start.clone().requires_grad_()
    optimiser = reference([actions])
    for _ in range(7):
        optimiser.zero_grad()
        objective(Sum().rollout(z0, actions), actions).sum().backward()
        optimiser.step()
    torch.testing.assert_close(ours.actions, actions.detach(), rtol=0, atol=1e-12)


def test_one_step_of_sgd_and_of_adam_by_hand():
    start = torch.tensor([[[1.0, 0.0], [0.5, -1.0], [0.0, 2.0]]], dtype=torch.float64)
    z0, goal = torch.tensor([[1.0, 1.0], [0.0, 4.0]], dtype=torch.float64)[:, None].unbind()
    # z_H = z0 + sum(a) = (2.5, 2); L = mean((z_H - goal)^2); dL/da = z_H - goal = (2.5, -2) for each of the blocks
    for name, step in (("sgd", (0.25, -0.2)), ("adam", (0.1, -0.1))):
        plan = GradientPlanner(name, 0.1, 1, noise=0.0).plan(PlanRequest(Sum(), z0, GoalDistance(goal, A), start, [0]))
        expected = start - torch.tensor(step, dtype=torch.float64)
        torch.testing.assert_close(plan.actions, expected, rtol=0, atol=1e-8)


def test_a_descent_begins_at_the_candidate_of_least_loss():
    z0, objective, init = problems(4)
    init[1, 0] = 0.5  # a warm start of one block: candidates differ in the others alone
    init[2] = 0.25  # nothing is left to draw
    seen = []
    planner = GradientPlanner("sgd", 0.1, 1, start=0.7, candidates=6)
    request = PlanRequest(Sum(), z0, objective, init, range(4), lambda i, actions, loss: seen.append((actions, loss)))
    planner.plan(request)
    ((first, loss),) = seen
    for i in range(4):
        drawn = torch.where(init[i].isnan(), 0.7 * noise_of(i, 6, H, A).double(), init[i])
        losses = objective[i : i + 1](Sum().rollout(z0[i].expand(6, A), drawn)[None], drawn[None])[0]
        torch.testing.assert_close(first[i].double(), drawn[losses.argmin()], rtol=0, atol=1e-6)
        assert loss[i].item() == pytest.approx(losses.min().item(), rel=1e-5)


def test_cooling_shrinks_the_steps_linearly():
    z0, objective, _ = problems(3)
    start = torch.ones(3, H, A, dtype=torch.float64)
    request = PlanRequest(Sum(), z0, objective, start, range(3))
    cooled = GradientPlanner("sgd", 0.2, 3, noise=0.0, cooling=0.5).plan(request)
    actions = start
    for lr in (0.2, 0.15, 0.1):
        z = z0 + actions.sum(1)
        actions = actions - lr * (z - objective.goal)[:, None]  # L = mean((z_H - goal)^2) over two numbers
    torch.testing.assert_close(cooled.actions, actions, rtol=0, atol=1e-12)
    halted = GradientPlanner("adam", 0.2, 2, noise=0.0, cooling=0.0).plan(request)
    once = GradientPlanner("adam", 0.2, 1, noise=0.0).plan(request)
    torch.testing.assert_close(halted.actions, once.actions, rtol=0, atol=0)


def test_restarts_keep_the_best_of_single_plans():
    class Bumpy(Sum):
        def rollout(self, z0, actions):
            return super().rollout(z0, actions) + torch.sin(5 * super().rollout(z0, actions))

    z0, objective, init = problems(5)
    single = GradientPlanner("adam", 0.1, 15)
    many = GradientPlanner("adam", 0.1, 15, restarts=4, chunk=9)
    seen = []
    best = many.plan(PlanRequest(Bumpy(), z0, objective, init, range(5), lambda i, actions, loss: seen.append(loss)))
    seeds = [[child(seed, k) if k else seed for seed in range(5)] for k in range(4)]
    plans = [single.plan(PlanRequest(Bumpy(), z0, objective, init, of_starts)) for of_starts in seeds]
    losses = torch.stack([plan.loss for plan in plans])
    torch.testing.assert_close(best.loss, losses.amin(0))
    for i, k in enumerate(losses.argmin(0)):
        torch.testing.assert_close(best.actions[i], plans[k].actions[i])
    torch.testing.assert_close(best.history, torch.stack([plan.history for plan in plans]).amin(0))
    assert (losses.argmin(0) > 0).any()
    assert [loss.shape for loss in seen[:15]] == [(2,)] * 15


def test_a_restart_that_diverges_is_never_the_best():
    class Cliff(Sum):
        def rollout(self, z0, actions):
            z = super().rollout(z0, actions)
            return z.where(actions[:, :1, :1] < 0, torch.nan)

    z0, objective, init = problems(6)
    planner = GradientPlanner("sgd", 0.1, 1, noise=0.0, restarts=12)
    plan = planner.plan(PlanRequest(Cliff(), z0, objective, init, range(6)))
    assert (plan.actions[:, 0, 0] < 0).all() and plan.loss.isfinite().all() and plan.history.isfinite().all()


def test_two_iterations_of_grasp_by_hand():
    class Doubled:  # z' = 2 z + a: a gradient into the states would show
        def rollout(self, z0, actions):
            z = [z0]
            for action in actions.unbind(-2):
                z.append(2 * z[-1] + action)
            return torch.stack(z, -2)

    (z0, objective, _), pull = problems(2), 0.3
    goal, warm = objective.goal, torch.full((2, H, A), 0.25, dtype=torch.float64)
    planner = GRASP(lr=0.1, states_lr=0.2, iterations=2, noise=0.5, pull=pull, sync=5, polish=1, polish_lr=0.05)
    plan = planner.plan(PlanRequest(Doubled(), z0, objective, warm, [7, 8]))
    for i, seed in enumerate((7, 8)):
        rngs = generators([seed], torch.device("cpu"))
        normal(rngs, (H, A))  # a start, which the warm start replaces
        s = [z0[i], *(torch.lerp(z0[i], goal[i], share) for share in (1 / 3, 2 / 3)), goal[i]]
        a, moments = warm[i], {"a": Optimiser("adam", 0.1, warm[i]), "s": Optimiser("adam", 0.2, warm[i, 1:])}
        for _ in range(2):
            predicted = torch.stack([2 * s[t] + a[t] for t in range(H)])
            # |f - s|^2 and d are means over two numbers, whose gradients are the differences themselves
            astray, to_goal = predicted - torch.stack(s[1:]), predicted - goal[i]
            a = a - moments["a"].step(a, astray + pull * to_goal)
            states = torch.stack(s[1:-1])
            states = states - moments["s"].step(states, -astray[:-1]) + 0.5 * normal(rngs, (H - 1, A))[0]
            s = [s[0], *states, s[-1]]
        z_end = 8 * z0[i] + 4 * a[0] + 2 * a[1] + a[2]
        slope = torch.tensor([4.0, 2, 1], dtype=torch.float64)[:, None] * (z_end - goal[i])
        torch.testing.assert_close(plan.actions[i], a - 0.05 * slope.sign(), rtol=0, atol=1e-6)  # Adam's first step


def test_grasp_makes_whole_rollouts_to_polish_and_for_a_callback():
    class Watched(Sum):
        def rollout(self, z0, actions):
            lengths.append(actions.shape[-2])
            return super().rollout(z0, actions)

    planner, histories = GRASP(iterations=6, sync=3, polish=4), []
    for callback, before in ((None, 2), (lambda *_: None, 6)):
        lengths = []
        plan = planner.plan(PlanRequest(Watched(), *problems(2), range(2), callback))
        assert lengths.count(H) == before + 2 * 4 + 1 and lengths.count(1) == 6
        histories.append(plan.history)
    torch.testing.assert_close(histories[0], histories[1][[0, 0, 0, 3, 3, 3]])


# --- Samples


def test_one_refit_of_icem_by_hand():
    z0, objective, _ = problems(2)
    warm = torch.full((2, H, A), 0.25, dtype=torch.float64)
    planner = ICEM(samples=12, elites=3, iterations=2, std=0.5, gamma=2.0, keep=0.4, alpha=0.1, beta=0.0)
    seen = []

    class Watched(Sum):
        def rollout(self, z0, actions):
            seen.append(actions)
            return super().rollout(z0, actions)

    plan = planner.plan(PlanRequest(Watched(), z0, objective, warm, [7, 8]))
    first, second = seen
    noise = noise_of(7, 12, H, A).double()
    torch.testing.assert_close(first[0], torch.cat([0.25 + 0.5 * noise, warm[:1], warm[:1]]))
    loss = ((z0[0] + first[0].sum(1) - objective.goal[0]) ** 2).mean(-1)
    elites = first[0][loss.argsort()[:3]]
    mean, std = 0.1 * 0.25 + 0.9 * elites.mean(0), 0.1 * 0.5 + 0.9 * elites.std(0)
    assert second.shape[1] == 6 + 1 + 1  # 12 / 2 samples, round(0.4 * 3) of the elites, the mean
    torch.testing.assert_close(second[0, 6], elites[0])
    torch.testing.assert_close(second[0, 7], mean)
    rngs = generators([7], torch.device("cpu"))
    _, later = normal(rngs, (12, H, A)), normal(rngs, (6, H, A))
    torch.testing.assert_close(second[0, :6], mean + std * later[0].double())
    assert plan.loss[0] == ((z0[0] + second[0].sum(1) - objective.goal[0]) ** 2).mean(-1).min()
    torch.testing.assert_close(plan.loss, objective(Sum().rollout(z0, plan.actions), plan.actions))


@given(st.integers(1, 9), st.floats(0, 4))
def test_coloured_noise_has_unit_variance_and_falls_with_frequency(steps, beta):
    """Coloured noise is linear in white noise: the rows of the map say it all."""
    rows = coloured(torch.eye(steps, dtype=torch.float64)[..., None], beta)[..., 0].T
    torch.testing.assert_close((rows**2).sum(1), torch.ones(steps, dtype=torch.float64))
    power = np.abs(np.fft.rfft(rows.numpy(), axis=0)) ** 2
    levels = power.mean(1)
    assert (np.diff(levels[1:]) <= 1e-9).all()
    if beta == 0:
        np.testing.assert_allclose(rows, np.eye(steps), atol=1e-12)


def test_one_weighting_of_mppi_by_hand():
    z0, objective, _ = problems(2)
    warm = torch.full((2, H, A), 0.25, dtype=torch.float64)
    plan = MPPI(samples=6, iterations=1, std=0.5, temperature=0.3).plan(PlanRequest(Sum(), z0, objective, warm, [7, 8]))
    for i, seed in enumerate((7, 8)):
        noise = 0.5 * noise_of(seed, 6, H, A).double()
        noise[0] = 0
        loss = ((z0[i] + (0.25 + noise).sum(1) - objective.goal[i]) ** 2).mean(-1)
        cost = loss + 0.3 * (0.25 * noise / 0.5**2).sum((1, 2))
        weights = torch.exp(-(cost - cost.min()) / 0.3)
        expected = 0.25 + (weights[:, None, None] * noise).sum(0) / weights.sum()
        torch.testing.assert_close(plan.actions[i], expected)
        assert plan.history[0, i] == pytest.approx(loss.min().item())


def test_one_refit_of_gradcem_by_hand():
    z0, objective, _ = problems(2)
    warm = torch.full((2, H, A), 0.25, dtype=torch.float64)
    planner = GradCEM(samples=12, elites=3, iterations=1, std=0.5, optimiser="sgd", lr=0.1, steps=2)
    plan = planner.plan(PlanRequest(Sum(), z0, objective, warm, [7, 8]))
    for i, seed in enumerate((7, 8)):
        noise = noise_of(seed, 12, H, A).double()
        noise[0] = 0
        samples = 0.25 + 0.5 * noise
        for _ in range(2):
            samples = samples - 0.1 * (z0[i] + samples.sum(1) - objective.goal[i])[:, None]
        loss = ((z0[i] + samples.sum(1) - objective.goal[i]) ** 2).mean(-1)
        torch.testing.assert_close(plan.actions[i], samples[loss.argsort()[:3]].mean(0))


# --- Objectives and starts


def test_the_prior_is_the_datas_mahalanobis_distance():
    rng = torch.Generator().manual_seed(0)
    mix = torch.tensor([[1.0, 0.8], [0.0, 0.5]], dtype=torch.float64)
    blocks = torch.randn(4000, A, dtype=torch.float64, generator=rng) @ mix + 3
    prior = ActionPrior.fit(blocks)
    assert prior.distance(blocks, blocks[:, None]).mean().item() == pytest.approx(1, rel=1e-3)
    action = torch.tensor([[4.0, 2.0]], dtype=torch.float64)
    offset = action[0] - blocks.mean(0)
    expected = (offset @ torch.linalg.inv(blocks.T.cov()) @ offset / A).item()
    assert prior.distance(action, action).item() == pytest.approx(expected)
    z0, objective, init = problems(3)
    both = Penalised(objective, prior, 0.5)
    actions = torch.randn(3, 7, H, A, dtype=torch.float64, generator=rng)
    z = Sum().rollout(z0[:, None].expand(-1, 7, -1), actions)
    torch.testing.assert_close(both(z, actions), objective(z, actions) + 0.5 * prior.distance(z, actions))
    assert torch.equal(both[1:].goal, objective.goal[1:])
    plan = GradientPlanner("adam", 0.1, 400).plan(
        PlanRequest(Sum(), z0, Penalised(objective, prior, 1000.0), init, range(3))
    )
    assert (plan.actions - blocks.mean(0)).abs().max() < 0.2


def test_a_prior_of_constant_actions_is_finite():
    prior = ActionPrior.fit(torch.ones(10, A))
    assert prior.distance(torch.zeros(2, A), torch.full((1, A), 1.05)).item() == pytest.approx(1, rel=1e-3)


def test_the_network_starts_what_nothing_else_starts():
    z0, objective, init = problems(4)
    network = InitialisationNetwork(A, A, horizon=H, hidden=8).double().requires_grad_(False)
    proposed = network.propose(z0, objective.goal, H)
    init[0] = 0.5
    expected = proposed.clone()
    expected[0] = 0.5
    alone = Initialised(network.propose).plan(PlanRequest(Sum(), z0, objective, init, range(4)))
    assert torch.equal(alone.actions, expected)
    torch.testing.assert_close(alone.loss, objective(Sum().rollout(z0, expected), expected))
    planner = GradientPlanner("sgd", 0.1, 3, noise=0.0)
    started = Initialised(network.propose, planner).plan(PlanRequest(Sum(), z0, objective, init, range(4)))
    assert torch.equal(started.actions, planner.plan(PlanRequest(Sum(), z0, objective, expected, range(4))).actions)
    assert network.propose(z0, objective.goal, 1).shape == (4, 1, A)
    with pytest.raises(LabError, match="plans 3 steps at most, not 4"):
        network.propose(z0, objective.goal, 4)


def believed(z0, goal, steps):
    """A prior that knows the way, and is surer of the first block than of the others."""
    mean = ((goal - z0) / steps)[:, None].expand(-1, steps, -1)
    return mean, torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)[:steps, None].expand_as(mean)


def test_a_prior_is_multiplied_with_the_samplers_first_distribution():
    z0, objective, init = problems(2)
    init[0, :1] = 0.25  # a warm start of one block
    (mean, std), seen = believed(z0, objective.goal, H), []
    precision = 1 / 0.5**2 + 1 / std**2
    fused, spread = (init.nan_to_num(0) / 0.5**2 + mean / std**2) / precision, precision**-0.5

    class Watched(Sum):
        def rollout(self, z0, actions):
            seen.append(actions)
            return super().rollout(z0, actions)

    for sampler in (CEM(samples=6, elites=2, iterations=1, std=0.5), MPPI(6, 1, std=0.5, temperature=0.3)):
        plan = Informed(believed, sampler).plan(PlanRequest(Watched(), z0, objective, init, [7, 8]))
        noise = torch.stack([noise_of(seed, 6, H, A).double() for seed in (7, 8)])
        noise[:, 0] = 0
        samples = fused[:, None] + spread[:, None] * noise
        torch.testing.assert_close(seen.pop(0), samples)
        seen.clear()
    loss = objective(Sum().rollout(z0[:, None].expand(-1, 6, -1), samples), samples)
    moved = spread[:, None] * noise  # MPPI's control term is temperature * u Sigma^-1 noise
    weights = torch.softmax(-loss / 0.3 - (fused[:, None] * moved / spread[:, None] ** 2).sum((2, 3)), 1)
    torch.testing.assert_close(plan.actions, fused + (weights[..., None, None] * moved).sum(1))


def test_consistency_is_the_squared_residual_of_inferred_actions():
    z = torch.tensor([[[[0.0], [1.0], [3.0]]], [[[0.0], [0.0], [0.0]]]], dtype=torch.float64, requires_grad=True)
    actions = torch.tensor([[[[1.5], [1.0]]], [[[0.0], [2.0]]]], dtype=torch.float64)
    penalty = Consistency(lambda z0, z1, steps: ((z1 - z0)[:, None], torch.full((len(z0), steps, 1), 0.5).double()))
    found = penalty.distance(z, actions)  # ((0.5^2 + 1^2) / 2, 2^2 / 2) / 0.5^2
    torch.testing.assert_close(found, torch.tensor([[2.5], [8.0]], dtype=torch.float64))
    found.sum().backward()  # of (actions - z' + z)^2 / 2 / 0.5^2, by z, z' and z''
    torch.testing.assert_close(z.grad[0, 0, :, 0], torch.tensor([2.0, -6.0, 4.0], dtype=torch.float64))
    objective = Penalised(GoalDistance(torch.tensor([[3.0], [1.0]], dtype=torch.float64), 1), penalty, 0.1)
    torch.testing.assert_close(objective(z, actions), torch.tensor([[0.25], [1.8]], dtype=torch.float64))
    torch.testing.assert_close(objective[1:](z[1:], actions[1:]), objective(z, actions)[1:])


def test_a_prior_starts_gradient_planners_and_pulls_them():
    z0, objective, init = problems(3)
    init[0] = 0.25
    mean, std = believed(z0, objective.goal, H)
    seen = []
    request = PlanRequest(Sum(), z0, objective, init, range(3), lambda i, actions, loss: seen.append((actions, loss)))
    Informed(believed, GradientPlanner("sgd", 0.1, 1, start=0.5), weight=0.2).plan(request)
    ((first, loss),) = seen
    precision = 1 / 0.5**2 + 1 / std**2
    noise = torch.stack([noise_of(seed, 1, H, A)[0].double() for seed in range(3)])
    expected = mean / std**2 / precision + precision**-0.5 * noise
    expected[0] = 0.25
    torch.testing.assert_close(first, expected)
    pull = 0.2 * (((expected - mean) / std) ** 2).mean((1, 2))
    torch.testing.assert_close(loss, objective(Sum().rollout(z0, expected), expected) + pull)
    Informed(believed, GRASP(iterations=1, start=0.5)).plan(request)
    torch.testing.assert_close(seen[1][0], expected)
    with pytest.raises(LabError, match=r"judges no \(1, 2\): take a planner of whole plans, or weight 0"):
        Informed(believed, GRASP(iterations=1, start=0.5), weight=0.2).plan(request)
    with pytest.raises(LabError, match="starts without noise, which no prior changes"):
        Informed(believed, GRASP(iterations=1)).plan(request)
    with pytest.raises(LabError, match="need a prior like them, got mean and std of"):
        replace(request, prior=Normal(mean[:2], std[:2]))


@given(st.floats(-9, 9), st.floats(0.01, 9), st.floats(-9, 9), st.floats(0.01, 9))
def test_a_product_of_normals_is_as_sure_as_both_and_lies_between(m1, s1, m2, s2):
    one, other = (
        Normal(*(torch.full((1, 1, 1), x, dtype=torch.float64) for x in (m, s))) for m, s in ((m1, s1), (m2, s2))
    )
    for both in (one * other, other * one):
        assert both.std.item() == pytest.approx((s1**-2 + s2**-2) ** -0.5)
        assert both.mean.item() == pytest.approx((m1 / s1**2 + m2 / s2**2) / (s1**-2 + s2**-2), abs=1e-9)
    assert (one * Normal(other.mean, 0 * other.std)).mean.item() == pytest.approx(m2)


def test_restarts_share_the_prior():
    z0, objective, init = problems(5)
    sure = Informed(lambda z0, goal, steps: (believed(z0, goal, steps)[0], torch.full((len(z0), steps, A), 1e-6)),
                    GradientPlanner("sgd", 1e-9, 1, noise=0.0, restarts=3, candidates=2, chunk=7))  # fmt: skip
    plan = sure.plan(PlanRequest(Sum(), z0, objective, init, range(5)))
    torch.testing.assert_close(plan.actions, believed(z0, objective.goal, H)[0], rtol=0, atol=1e-4)


def test_all_planners_can_be_cut_short():
    for name in PLANNERS:
        planner = shortened(Settings().planner(name), iterations=2, samples=20)
        assert planner.iterations == 2 and getattr(planner, "samples", 20) == 20
        assert getattr(planner, "elites", 2) == 2
    assert shortened(Settings().planner("cem")) == Settings().planner("cem")
