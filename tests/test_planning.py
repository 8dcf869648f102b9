"""Planners: single steps against hand-computed numbers, optima that are known, and what must never change."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from lab.benchmarks import CARDS
from lab.data import sample_problems
from lab.errors import LabError
from lab.evaluation.simulation import SimulatorDynamics
from lab.evaluation.success import evaluate, goal_distance
from lab.models.protocols import see
from lab.planning import (
    CEM,
    GRASP,
    ICEM,
    MPC,
    MPPI,
    OPEN_LOOP,
    PAPER_PLANNERS,
    Constant,
    GoalDistance,
    GradCEM,
    GradientPlanner,
    Plan,
    PlanRequest,
    RandomActions,
    Settings,
    no_warm_start,
)  # fmt: skip
from lab.planning import PLANNERS as ALL
from lab.planning.streams import generators, normal
from lab.tasks import make_task

H, A = 3, 2
GD = GradientPlanner("sgd", lr=0.1, iterations=1, noise=0.0)


class Sum:
    """z' = z + scale * a: the loss is quadratic in the actions, with a known optimum and gradient."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def rollout(self, z0, actions):
        return torch.cat([z0.unsqueeze(-2), z0.unsqueeze(-2) + self.scale * actions.cumsum(-2)], -2)


class Bent(torch.nn.Module):
    """A small nonlinear model with weights."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layer = torch.nn.Linear(2 * A, A)

    def rollout(self, z0, actions):
        z = [z0]
        for action in actions.unbind(-2):
            z.append(z[-1] + torch.tanh(self.layer(torch.cat([z[-1], action], -1))))
        return torch.stack(z, -2)


@dataclass
class Towards:
    """An objective of the reader's own."""

    goal: object


def problems(n, seed=0):
    """(z0, objective, init) of ``n`` problems."""
    rng = torch.Generator().manual_seed(seed)
    z0, goal = torch.randn(2, n, A, generator=rng).unbind()
    return z0, GoalDistance(goal, A), no_warm_start(n, H, A)


PLANNERS = {
    "gd": GradientPlanner("sgd", lr=0.3, iterations=20),
    "adam": GradientPlanner("adam", lr=0.1, iterations=20),
    "momentum": GradientPlanner("momentum", lr=0.05, iterations=20),
    "adamw": GradientPlanner("adamw", lr=0.1, iterations=20),
    "restarts": GradientPlanner("adam", lr=0.1, iterations=20, restarts=3, candidates=4, cooling=0.1),
    "raced": GradientPlanner("adam", lr=0.1, iterations=20, restarts=5, candidates=2, race=0.1),
    "grasp": GRASP(lr=0.1, iterations=6, sync=3, polish=4),
    "cem": CEM(samples=40, elites=8, iterations=4),
    "icem": ICEM(samples=40, elites=8, iterations=4),
    "mppi": MPPI(samples=40, iterations=4),
    "gradcem": GradCEM(samples=40, elites=8, iterations=4, optimiser="sgd", lr=0.1),
}
every_planner = pytest.mark.parametrize("planner", PLANNERS.values(), ids=PLANNERS)


# --- One step by hand


def test_one_step_of_gradient_descent_by_hand():
    start = torch.tensor([[[1.0, 0.0], [0.5, -1.0], [0.0, 2.0]]])
    z0, goal = torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 4.0]])
    plan = GD.plan(PlanRequest(Sum(), z0, GoalDistance(goal, A), start, [0]))
    # z_H = z0 + sum(a) = (2.5, 2); L = mean((z_H - goal)^2) = (6.25 + 4) / 2; dL/da = (z_H - goal) for every a
    assert plan.history.tolist() == [[5.125]]
    torch.testing.assert_close(plan.actions, start - 0.1 * torch.tensor([2.5, -2.0]))
    # the sum moved by 3 * 0.1 * (2.5, -2)
    assert plan.loss.item() == pytest.approx(((2.5 - 0.75) ** 2 + (-2 + 0.6) ** 2) / 2)


def test_adam_takes_torchs_steps():
    model = Bent().double()
    z0, objective, _ = problems(4)
    z0, objective = z0.double(), GoalDistance(objective.goal.double(), A)
    start = torch.randn(4, H, A, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours = GradientPlanner("adam", lr=0.1, iterations=7, noise=0.0).plan(
        PlanRequest(model, z0, objective, start, range(4))
    )
    actions = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([actions], lr=0.1)
    for _ in range(7):
        optimiser.zero_grad()
        objective(model.rollout(z0, actions), actions).sum().backward()
        optimiser.step()
    torch.testing.assert_close(ours.actions, actions.detach(), rtol=0, atol=1e-12)


def test_noise_and_start_have_their_deviations():
    class Flat:
        def rollout(self, z0, actions):
            return z0.unsqueeze(-2) + 0 * actions.cumsum(-2).repeat(1, 2, 1)[:, : H + 1]

    z0, objective, init = problems(400)
    quiet = replace(GD, iterations=1)
    start = quiet.plan(PlanRequest(Flat(), z0, objective, init, range(400))).actions
    assert start.std().item() == pytest.approx(1, rel=0.05)
    noisy = replace(GD, iterations=9, noise=0.5).plan(PlanRequest(Flat(), z0, objective, init, range(400))).actions
    assert (noisy - start).std().item() == pytest.approx(1.5, rel=0.05)  # sqrt(9) * 0.5


def test_one_refit_of_cem_by_hand():
    z0, objective, _ = problems(2)
    warm = torch.full((2, H, A), 0.25)
    plan = CEM(samples=12, elites=3, iterations=1, std=0.5).plan(PlanRequest(Sum(), z0, objective, warm, [7, 8]))
    for i, seed in enumerate((7, 8)):
        (noise,) = normal(generators([seed], torch.device("cpu")), (12, H, A))
        noise[0] = 0
        samples = 0.25 + 0.5 * noise
        loss = ((z0[i] + samples.sum(1) - objective.goal[i]) ** 2).mean(-1)
        elites = samples[loss.argsort()[:3]]
        torch.testing.assert_close(plan.actions[i], elites.mean(0))
        assert plan.history[0, i] == pytest.approx(loss.min().item())


def test_cems_second_iteration_samples_around_the_elites():
    z0, objective, init = problems(1)
    seen = []
    planner = CEM(samples=500, elites=50, iterations=2)

    class Watched(Sum):
        def rollout(self, z0, actions):
            seen.append(actions)
            return super().rollout(z0, actions)

    planner.plan(PlanRequest(Watched(), z0, objective, init, [0]))
    first, second = seen[0][0], seen[1][0]
    loss = ((z0[0] + first.sum(1) - objective.goal[0]) ** 2).mean(-1)
    elites = first[loss.argsort()[:50]]
    torch.testing.assert_close(second[0], elites.mean(0))
    torch.testing.assert_close(second[1:].std(0), elites.std(0), rtol=0.15, atol=0)


# --- Known optima


SOLVERS = {
    "gd": GradientPlanner("sgd", 0.3, 60, noise=0.0),
    "momentum": GradientPlanner("momentum", 0.05, 200, noise=0.0),
    "adam": GradientPlanner("adam", 0.1, 300, noise=0.0),
    "adamw": GradientPlanner("adamw", 0.1, 300, noise=0.0),
    "restarts": GradientPlanner("sgd", 0.3, 60, noise=0.0, restarts=2),
    "raced": GradientPlanner("sgd", 0.3, 60, noise=0.0, restarts=4, race=0.1),
    "grasp": GRASP(lr=0.1, noise=0.0, sync=50, polish=60),
    "cem": CEM(200, 20, 25),
    "icem": ICEM(200, 20, 25),
    "mppi": MPPI(500, 60, std=0.2, temperature=0.001),
    "gradcem": GradCEM(100, 10, 30, lr=0.01),
}


@pytest.mark.parametrize("planner", SOLVERS.values(), ids=SOLVERS)
def test_a_quadratic_is_solved(planner):
    z0, objective, init = problems(6)
    plan = planner.plan(PlanRequest(Sum(), z0, objective, init, range(6)))
    assert (plan.loss < 1e-3).all()
    torch.testing.assert_close(z0 + plan.actions.sum(1), objective.goal, atol=0.05, rtol=0)
    assert plan.history[0].mean() > 5 * plan.loss.mean()


def test_weighted_objective_pulls_early_states_to_the_goal():
    z0, objective, init = problems(3)
    planner = GradientPlanner("adam", 0.1, 400, noise=0.0)
    weighted = planner.plan(PlanRequest(Sum(), z0, replace(objective, decay=0.5), init, range(3))).actions
    early = Sum().rollout(z0, weighted)[:, 1]
    torch.testing.assert_close(early, objective.goal, atol=0.02, rtol=0)


def test_objective_by_hand():
    z = torch.tensor([[[0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [2.0, 0.0, 3.0]]])  # (1, H + 1 = 3, 2 + 1)
    goal = torch.tensor([[1.0, 1.0, 1.0]])
    nothing = torch.zeros(1, 2, 1)
    assert GoalDistance(goal, 2)(z, nothing).tolist() == [1.0]
    assert GoalDistance(goal, 2, proprio=0.5)(z, nothing).tolist() == [1.0 + 0.5 * 4]
    weighted = GoalDistance(goal, 2, decay=0.5)(z, nothing).item()
    assert weighted == pytest.approx((1.0 * 1 + 0.5 * 0 + 0.25 * 1) / 1.75)
    samples = z[:, None].expand(1, 5, 3, 3)
    assert GoalDistance(goal, 2)(samples, nothing).shape == (1, 5)


# --- What must never change


def test_a_race_drops_the_starts_of_larger_loss():
    """Of 5 starts, 3 are left after 2 of 20 iterations, 2 after 6, 1 after 14: always those of least loss."""
    z0, objective, init = problems(2)
    sizes: list[int] = []

    class Counted(Sum):
        def rollout(self, z0, actions):
            sizes.append(len(actions))
            return super().rollout(z0, actions)

    planner = GradientPlanner("adam", lr=0.1, iterations=20, restarts=5, race=0.1)
    plan = planner.plan(PlanRequest(Counted(), z0, objective, init, range(2)))
    assert sizes == [2 * starts for starts in [5] * 2 + [3] * 4 + [2] * 8 + [1] * 7]  # the last one is for the plan
    to_the_end = replace(planner, race=0.0).plan(PlanRequest(Sum(), z0, objective, init, range(2)))
    torch.testing.assert_close(plan.history[:3], to_the_end.history[:3])  # the best start is never dropped
    assert (plan.history >= to_the_end.history - 1e-6).all()


@every_planner
def test_no_weight_and_no_start_collects_a_gradient(planner):
    model = Bent()
    z0, objective, init = problems(3)
    plan = planner.plan(PlanRequest(model, z0, objective, init, range(3)))
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
    assert z0.grad is None and objective.goal.grad is None
    assert not (plan.actions.requires_grad or plan.loss.requires_grad or plan.history.requires_grad)
    assert init.isnan().all()


@every_planner
def test_the_global_random_state_is_untouched(planner):
    torch.manual_seed(5)
    np.random.seed(5)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    planner.plan(PlanRequest(Sum(), *problems(3), range(3)))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()


@every_planner
@pytest.mark.parametrize("chunk", [1, 3])
def test_chunks_do_not_change_plans(planner, chunk):
    model, (z0, objective, init) = Bent(), problems(7)
    whole = replace(planner, chunk=7).plan(PlanRequest(model, z0, objective, init, range(7)))
    parts = replace(planner, chunk=chunk).plan(PlanRequest(model, z0, objective, init, range(7)))
    torch.testing.assert_close(whole.actions, parts.actions, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(whole.history, parts.history, atol=1e-4, rtol=1e-4)
    assert whole.history.shape == (planner.iterations, 7)


@every_planner
def test_no_bit_of_a_plan_depends_on_the_other_problems(planner):
    """The contract of `Planner`: as many problems in a chunk, but others."""
    model, (z0, objective, init) = Bent(), problems(5)
    others = torch.arange(5) != 2
    far, goal, warm = z0 + 3.0 * others[:, None], objective.goal - 2.0 * others[:, None], init.clone()
    warm[others] = 0.5
    for chunk in (5, 3):
        few = replace(planner, chunk=chunk)
        plan = few.plan(PlanRequest(model, z0, objective, init, range(5)))
        beside = few.plan(PlanRequest(model, far, GoalDistance(goal, A), warm, [9, 8, 2, 7, 6]))
        assert torch.equal(plan.actions[2], beside.actions[2]) and torch.equal(plan.loss[2], beside.loss[2])
        assert not torch.equal(plan.actions[1], beside.actions[1])


@every_planner
def test_problems_may_change_places(planner):
    model, (z0, objective, init) = Bent(), problems(5)
    order = torch.tensor([3, 0, 4, 1, 2])
    straight = planner.plan(PlanRequest(model, z0, objective, init, range(5)))
    moved = planner.plan(PlanRequest(model, z0[order], GoalDistance(objective.goal[order], A), init, order.tolist()))
    torch.testing.assert_close(moved.actions, straight.actions[order], atol=1e-4, rtol=1e-4)


@every_planner
def test_equal_seeds_give_equal_plans_and_others_do_not(planner):
    model, (z0, objective, init) = Bent(), problems(2)
    first, again = (planner.plan(PlanRequest(model, z0, objective, init, [1, 2])) for _ in range(2))
    assert torch.equal(first.actions, again.actions)
    assert not torch.equal(first.actions, planner.plan(PlanRequest(model, z0, objective, init, [3, 4])).actions)


@every_planner
def test_a_warm_start_is_used_where_it_is_given(planner):
    z0, objective, init = problems(2)
    optimum = ((objective.goal - z0) / H)[:, None].expand(2, H, A)
    warm = init.clone()
    warm[0] = optimum[0]
    plan = replace(planner, iterations=1).plan(PlanRequest(Sum(), z0, objective, warm, [0, 1]))
    assert plan.history[0, 0] < 1e-9 and plan.history[0, 1] > 1e-3
    half = init.clone()
    half[:, :1] = 100.0
    seen = []
    replace(planner, iterations=1).plan(
        PlanRequest(Sum(), z0, objective, half, [0, 1], lambda i, actions, _: seen.append(actions))
    )
    if isinstance(planner, GradientPlanner) and planner.restarts == 1:
        assert (seen[0][:, 0] == 100).all() and (seen[0][:, 1:].abs() < 6).all()


@every_planner
def test_actions_stay_within_their_bound(planner):
    z0, objective, init = problems(4)
    far = GoalDistance(objective.goal + 100, A)
    plan = replace(planner, bound=0.7).plan(PlanRequest(Sum(), z0, far, init, range(4)))
    assert plan.actions.abs().max() <= 0.7
    assert plan.actions.abs().max() > 0.5
    assert replace(planner, bound=None).plan(PlanRequest(Sum(), z0, far, init, range(4))).actions.abs().max() > 0.7


@every_planner
def test_callbacks_see_every_iteration_and_change_nothing(planner):
    model, (z0, objective, init) = Bent(), problems(2)
    seen = []

    def record(i, actions, loss):
        seen.append((i, actions.shape, loss.clone()))

    watched = planner.plan(PlanRequest(model, z0, objective, init, range(2), record))
    assert [i for i, *_ in seen] == list(range(planner.iterations))
    assert all(shape == (2, H, A) for _, shape, _ in seen)
    assert torch.equal(torch.stack([loss for *_, loss in seen]), watched.history)
    assert torch.equal(watched.actions, planner.plan(PlanRequest(model, z0, objective, init, range(2))).actions)


def test_floors_ignore_the_goal():
    z0, objective, init = problems(300)
    block = torch.tensor([0.5, -0.5])
    constant = Constant(block).plan(PlanRequest(Sum(), z0, objective, init, range(300)))
    assert (constant.actions == block).all() and constant.actions.shape == (300, H, A)
    drawn = RandomActions().plan(PlanRequest(Sum(), z0, objective, init, range(300))).actions
    assert drawn.std().item() == pytest.approx(1, rel=0.05)
    assert torch.equal(
        drawn[:5], RandomActions().plan(PlanRequest(Sum(), z0[:5], objective[:5], init[:5], range(5))).actions
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientPlanner("newton"), "Unknown optimiser 'newton'"),
        (lambda: CEM(samples=10, elites=11), "elites <= samples"),
        (lambda: CEM(elites=1), "2 <= elites"),
        (lambda: MPC(horizon=3, execute=4), "1 <= execute <= horizon"),
        (lambda: MPC(budget=0), "budget of at least 1"),
        (
            lambda: Settings({"sgd": {"lr": 1.0}}),
            "Unknown planner 'sgd' .did you mean 'gd'.*: choose one of gd, momentum",
        ),
        (lambda: Settings({"gd": {"rl": 1.0}}).planner("gd"), "Unknown option of planner gd 'rl'"),
        (lambda: Settings().planner("mpc"), "Unknown planner 'mpc': choose one of gd, momentum, adam"),
        (
            lambda: GradientPlanner(restarts=0),
            "GradientPlanner needs a whole number from 1 to 1000000 as restarts, got 0",
        ),
        (lambda: GradientPlanner(lr=float("nan")), "a finite number above 0 as lr, got nan"),
        (lambda: GradientPlanner(lr=float("inf")), "a finite number above 0 as lr, got inf"),
        (lambda: GradientPlanner(noise=-0.1), "a finite number from 0 as noise"),
        (lambda: ICEM(elites=400), "2 <= elites <= samples"),
        (lambda: ICEM(gamma=0.5), "gamma >= 1"),
        (lambda: MPPI(temperature=0.0), "a finite number above 0 as temperature"),
        (lambda: MPPI(samples=1), "at least 2 samples"),
        (lambda: GradCEM(steps=0), "a whole number from 1 to 1000000 as steps"),
        (lambda: GradCEM(optimiser="newton"), "Unknown optimiser 'newton'"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(LabError, match=message):
        make()


@every_planner
@pytest.mark.parametrize(
    ("option", "value"),
    [("iterations", 0), ("iterations", 2.5), ("chunk", 0), ("bound", 0.0), ("bound", -1.0), ("bound", 10**30)],
)
def test_no_planner_has_impossible_options(planner, option, value):
    with pytest.raises(LabError, match=f"needs .* as {option}, got {value}"):
        replace(planner, **{option: value})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"z0": torch.zeros(3, A)}, "2 problems need a start z0"),
        ({"z0": torch.zeros(2, 1, A)}, "2 problems need a start z0"),
        ({"init": no_warm_start(2, 0, A)}, "none 0, got"),
        ({"init": no_warm_start(0, H, A)}, "none 0, got"),
        ({"init": torch.zeros(2, A)}, "none 0, got"),
        ({"objective": GoalDistance(torch.zeros(1, A), A)}, "needs goals like it"),
        ({"objective": GoalDistance(torch.zeros(2, 1), 1)}, "needs goals like it"),
        ({"seeds": [0]}, "need a seed each, got 1 seeds"),
        ({"seeds": [0, -1]}, "A seed is a whole number from 0, got -1"),
        ({"seeds": [True, 1]}, "A seed is a whole number from 0, got True"),
        ({"z0": np.zeros((2, A))}, "The start z0 of plans is a torch.Tensor of real numbers, got ndarray"),
        ({"z0": torch.zeros(2, A, dtype=torch.int64)}, "start z0 .* real numbers, got torch.int64"),
        ({"objective": Towards(np.zeros((2, A)))}, "The goal of plans .*, got ndarray"),
        ({"init": np.zeros((2, H, A))}, "The warm start init of plans .*, got ndarray"),
        ({"init": torch.zeros(2, H, A, dtype=torch.int64)}, r"got torch.int64 \(2, 3, 2\)"),
        ({"init": torch.zeros(2, H, A, dtype=torch.complex64)}, "got torch.complex64"),
        ({"init": torch.full((2, H, A), torch.inf)}, "warm start has finite numbers"),
        ({"init": torch.full((2, H, A), -torch.inf)}, "warm start has finite numbers"),
    ],
)
def test_a_request_whose_parts_do_not_fit_is_refused(wrong, message):
    z0, objective, init = problems(2)
    with pytest.raises(LabError, match=message):
        PlanRequest(**{"model": Sum(), "z0": z0, "objective": objective, "init": init, "seeds": [0, 1]} | wrong)


@pytest.mark.parametrize("goal", [np.zeros((2, 3)), torch.tensor(0.0), None])
def test_an_objective_without_goals_is_refused(goal):
    with pytest.raises(LabError, match=r"needs a torch.Tensor \(B, Z\) as goal"):
        GoalDistance(goal, 1)


@pytest.mark.parametrize("latent_dim", [-1, 0, 4, 9, 1.5, True, None])
def test_the_pictures_numbers_are_some_of_the_goals(latent_dim):
    with pytest.raises(LabError, match="a whole number from 1 to the goal's 3 as latent_dim, got"):
        GoalDistance(torch.zeros(2, 3), latent_dim)


def _fails(*_):
    raise RuntimeError


@every_planner
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_fails, "rollout fails on z0 .*: RuntimeError"),
        (lambda z: z[..., 1:, :], r"rollout should return z .*4, 2\) of .*, the start included, got .*3, 2\)"),
        (lambda z: z[..., :1], r"rollout should return z .*4, 2\) of .*, got .*4, 1\)"),
        (lambda z: z[:1], r"rollout should return z .*4, 2\) of .*, got .*\(1, "),
        (lambda z: z.detach().numpy(), "rollout should return z .*, got ndarray"),
    ],
)
def test_a_rollout_that_is_none_is_refused(planner, change, message):
    class Wrong(Sum):
        def rollout(self, z0, actions):
            return change(super().rollout(z0, actions))

    with pytest.raises(LabError, match=f"Wrong.{message}"):
        planner.plan(PlanRequest(Wrong(), *problems(2), [0, 1]))


def test_a_constant_block_of_another_size_is_refused():
    with pytest.raises(LabError, match=r"Blocks \(1,\) do not fit plans \(2, 3, 2\)"):
        Constant(torch.zeros(1)).plan(PlanRequest(Sum(), *problems(2), [0, 1]))


@every_planner
@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_plans_are_the_same_where_gradients_are_off(planner, off):
    model, expected = Bent(), planner.plan(PlanRequest(Bent(), *problems(2), range(2)))
    with off():
        plan = planner.plan(PlanRequest(model, *problems(2), range(2)))
    assert torch.equal(plan.actions, expected.actions) and torch.equal(plan.history, expected.history)


@pytest.mark.parametrize("planner", [*PLANNERS.values(), RandomActions()], ids=[*PLANNERS, "random"])
def test_plans_that_are_not_finite_are_refused(planner):
    z0, objective, init = problems(1)
    with pytest.raises(LabError, match="1 of 1 plans are not finite"):
        planner.plan(PlanRequest(Sum(scale=float("inf")), z0, objective, init, [0]))


def test_a_diverging_descent_is_refused():
    z0, objective, init = problems(2)
    init[0] = 0.0
    with pytest.raises(LabError, match="2 of 2 plans are not finite: take smaller steps"):
        GradientPlanner("sgd", lr=1e38, iterations=3).plan(PlanRequest(Sum(), z0, objective, init, [0, 1]))
    init[0] = 1e30
    with pytest.raises(LabError, match="1 of 2 plans are not finite"):
        GradientPlanner(iterations=3).plan(PlanRequest(Sum(), z0, objective, init, [0, 1]))


# --- MPC


@dataclass
class Recorder:
    """A planner that notes what it is asked and plans 1, 2, 3, … for every problem."""

    calls: list

    def plan(self, request):
        self.calls.append((request.z0.clone(), request.init.clone(), list(request.seeds)))
        shape = request.init.shape
        actions = torch.arange(1.0, shape[1] + 1)[:, None].expand(shape) + 10 * len(self.calls)
        return Plan(actions, torch.zeros(shape[0]), torch.zeros(1, shape[0]))


class Integrator:
    """A world in which z is the sum of all executed actions."""

    def __init__(self, n):
        self.z, self.executed = torch.zeros(n, A), []

    def observe(self):
        return self.z

    def execute(self, blocks):
        self.executed.append(blocks[0, :, 0].tolist())
        self.z = self.z + blocks.sum(1)


def drive(mpc, n=2):
    planner, world = Recorder([]), Integrator(n)
    plans = mpc.run(planner, Sum(), GoalDistance(torch.zeros(n, A), A), world, A, list(range(n)))
    return planner.calls, world, plans


@pytest.mark.parametrize(
    ("mpc", "horizons"),
    [
        (MPC(5, 1, 10), [5, 4, 3, 2, 1, 5, 4, 3, 2, 1]),
        (MPC(5, 1, 3, shrink=False), [5, 5, 5]),
        (MPC(4, 2, 4), [4, 2, 4, 2]),
        (MPC(5, 5, 2), [5, 5]),
        (OPEN_LOOP, [5]),
    ],
)
def test_horizons_of_replans(mpc, horizons):
    calls, world, plans = drive(mpc)
    assert [init.shape[1] for _, init, _ in calls] == [plan.actions.shape[1] for plan in plans] == horizons
    assert [len(blocks) for blocks in world.executed] == [mpc.execute] * mpc.budget


def test_every_replan_sees_the_world_starts_warm_and_has_its_own_seeds():
    calls, world, _ = drive(MPC(3, 1, 4))
    assert world.executed == [[11.0], [21.0], [31.0], [41.0]]
    assert [z0[0, 0].item() for z0, *_ in calls] == [0, 11, 32, 63]
    assert calls[0][1].isnan().all()
    assert calls[1][1][0, :, 0].tolist() == [12, 13]  # what the first plan meant to do next
    assert calls[2][1][0, :, 0].tolist() == [22]
    assert calls[3][1].isnan().all() and calls[3][1].shape[1] == 3  # a new horizon starts afresh
    streams = [rng.initial_seed() for *_, seeds in calls for rng in generators(seeds, torch.device("cpu"))]
    assert len(set(streams)) == 8


def test_a_fixed_horizon_warms_all_but_its_last_block():
    calls, *_ = drive(MPC(3, 1, 2, shrink=False))
    assert calls[1][1][0, :2, 0].tolist() == [12, 13] and calls[1][1][:, 2].isnan().all()


@pytest.mark.parametrize("task", ["wall", "point_maze"])
def test_mpc_with_the_true_simulator_reaches_the_goals(task):
    model, pairs = SimulatorDynamics(make_task(task)), sample_problems(task, "dataset", 20, "tune")
    planner = CEM(samples=64, elites=8, iterations=3)
    success = {mode: evaluate(model, planner, pairs, mode).success["full"].mean() for mode in ("open", "mpc")}
    assert success["mpc"] >= max(0.9, success["open"])


@pytest.mark.parametrize("task", ["push_t", "point_maze", "wall"])
def test_the_simulator_as_a_model_makes_no_error(task):
    model, pairs = SimulatorDynamics(make_task(task)), sample_problems(task, "dataset", 3)
    z = model.rollout(see(model, pairs.environment, pairs.starts), model.normalise_actions(pairs.expert))
    assert z.shape == (3, 6, model.latent_dim + pairs.starts.shape[1])
    torch.testing.assert_close(z[:, -1], goal_distance(model, pairs).goal)
    assert goal_distance(model, pairs)(z, None).max() < 1e-12


def test_every_task_has_settings_for_every_planner():
    for settings in (card.settings for card in CARDS.values()):
        assert {settings.planner(name).__class__ for name in PAPER_PLANNERS} == {GradientPlanner, CEM}
        assert {settings.planner(name).__class__ for name in ALL} == {GradientPlanner, GRASP, CEM, ICEM, MPPI, GradCEM}
        assert settings.planner("adam", "mpc").iterations == 100 and settings.planner("cem", "mpc").iterations == 10
        assert settings.planner("adam").lr == settings.planner("adam", "mpc").lr
