"""Success, gap and landscape, each on something whose answer is known."""

import numpy as np
import pytest
import torch

from lab.data import sample_problems
from lab.errors import LabError
from lab.evaluation.gap import Gap, executed_error, train_test_gap
from lab.evaluation.imagination import imagined, reached_at
from lab.evaluation.simulation import Simulation, SimulatorDynamics
from lab.evaluation.slices import Slice, directions, landscape
from lab.evaluation.success import evaluate
from lab.models.protocols import see
from lab.planning import CEM, MODES, Constant, GoalDistance, GradientPlanner
from lab.studies.common.protocol import Protocol
from lab.tasks import TASKS, make_task

ADAM = GradientPlanner("adam", lr=0.1, iterations=3)


# --- Success


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("mode", MODES)
def test_success_is_read_off_the_trajectory(task, mode, tiny_model):
    simulator, problems, mpc = make_task(task), sample_problems(task, "dataset", 6), MODES[mode]
    outcome = evaluate(tiny_model(task), ADAM, problems, mode)
    steps = mpc.execute * simulator.frameskip
    ends = outcome.trajectory[:, steps::steps]
    assert ends.shape[1] == mpc.budget == len(outcome.plans)
    np.testing.assert_array_equal(outcome.trajectory[:, 0], problems.starts)
    for criterion in simulator.criteria:
        reached = np.stack([simulator.success(ends[:, i], problems.goals, criterion) for i in range(mpc.budget)], 1)
        np.testing.assert_array_equal(outcome.success[criterion], reached.any(1))
        np.testing.assert_array_equal(outcome.at_end[criterion], reached[:, -1])
    assert outcome.seconds > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: None, "NoneType is no world model: it has no rollout, observe"),
        (type, "WorldModel is a class"),
        (lambda model: Changed(model), "Changed is no world model: it has no block_dim"),
        *[
            (lambda model, size=size: Changed(model, block_dim=size), "block_dim of Changed should be a whole number")
            for size in ("5", 0, -2, 1.5, None, True)
        ],
    ],
)
def test_what_is_no_model_is_refused(change, message, tiny_model):
    with pytest.raises(LabError, match=message):
        evaluate(change(tiny_model("wall")), ADAM, sample_problems("wall", "dataset", 2))


class Changed:
    """A model's methods, and attributes of its own."""

    def __init__(self, model, **attributes):
        self.rollout, self.observe = model.rollout, model.observe
        self.normalise_actions, self.denormalise_actions = model.normalise_actions, model.denormalise_actions
        vars(self).update(attributes)


def test_the_trajectory_is_what_the_plans_do(tiny_model):
    model, problems = tiny_model("push_t"), sample_problems("push_t", "dataset", 3)
    outcome = evaluate(model, ADAM, problems, "mpc")
    executed = torch.cat([plan.actions[:, :1] for plan in outcome.plans], 1)
    replay = make_task("push_t").simulate(problems.starts, model.denormalise_actions(executed))
    np.testing.assert_array_equal(outcome.trajectory, replay)


def test_the_expert_succeeds_and_doing_nothing_does_not(tiny_model):
    model, problems = tiny_model("wall"), sample_problems("wall", "dataset", 30)
    world = Simulation(model, problems)
    world.execute(model.normalise_actions(problems.expert))
    assert world.reached()["full"].tolist() == [[True]] * 30
    nothing = Constant(model.normalise_actions(np.zeros((5, 2)))[0])
    for mode in MODES:
        assert not evaluate(model, nothing, problems, mode).success["full"].any()


def test_the_same_seed_gives_the_same_outcome_and_fewer_problems_the_same_ones(tiny_model):
    model, problems = tiny_model("wall"), sample_problems("wall", "dataset", 8)
    first, again = (evaluate(model, ADAM, problems, "mpc") for _ in range(2))
    np.testing.assert_array_equal(first.trajectory, again.trajectory)
    np.testing.assert_allclose(evaluate(model, ADAM, problems[:3], "mpc").trajectory, first.trajectory[:3], atol=1e-3)
    assert not np.array_equal(evaluate(model, ADAM, problems, "mpc", seed=1).trajectory, first.trajectory)


def test_on_plan_sees_every_replan(tiny_model):
    seen = []
    problems = sample_problems("wall", "random", 2)
    outcome = evaluate(tiny_model("wall"), ADAM, problems, "mpc", on_plan=lambda i, plan: seen.append((i, plan)))
    assert [i for i, _ in seen] == list(range(10))
    assert all(a is b for (_, a), b in zip(seen, outcome.plans, strict=True))


@pytest.mark.parametrize("task", TASKS)
def test_the_protocol_says_what_is_measured(task):
    protocol = Protocol(task, "dataset", 7, seed=3)
    problems, text = protocol.problems(), protocol.describe()
    expected = sample_problems(task, "dataset", 7, "test", 3)
    np.testing.assert_array_equal(problems.goals, expected.goals)
    assert text.startswith(f"7 dataset problems of {task} (test split, seed 3") and "\n" not in text
    assert all(f"{criterion}: " in text for criterion in make_task(task).criteria)
    assert protocol.as_dict()["text"] == text


# --- What was imagined


@pytest.mark.parametrize("mode", MODES)
def test_what_is_imagined_starts_with_what_was_seen(mode, tiny_model):
    model, problems = tiny_model("wall"), sample_problems("wall", "dataset", 3)
    outcome = evaluate(model, ADAM, problems, mode)
    z, reached = imagined(model, outcome), reached_at(outcome)
    blocks = MODES[mode].execute * MODES[mode].budget
    assert z.shape[:2] == reached.shape == (3, blocks + 1)
    torch.testing.assert_close(z[:, 0], see(model, problems.environment, problems.starts))
    np.testing.assert_array_equal(reached.any(1), outcome.success["full"])
    np.testing.assert_array_equal(reached[:, -1], outcome.at_end["full"])


def test_in_open_loop_all_is_one_rollout(tiny_model):
    model, problems = tiny_model("wall"), sample_problems("wall", "dataset", 2)
    outcome = evaluate(model, ADAM, problems, "open")
    z = model.rollout(see(model, problems.environment, problems.starts), outcome.plans[0].actions)
    torch.testing.assert_close(imagined(model, outcome), z)


# --- Gap


def planned_gap(model, problems, block):
    """The gap along plans of one constant block."""
    return train_test_gap(model, evaluate(model, Constant(block), problems))


def test_a_perfect_model_has_no_gap():
    model, problems = SimulatorDynamics(make_task("wall")), sample_problems("wall", "dataset", 5)
    gap = planned_gap(model, problems, torch.randn(model.block_dim, generator=torch.Generator().manual_seed(0)))
    assert gap.planned.shape == gap.expert.shape == (5, 5)
    assert np.abs(gap.planned).max() < 1e-20 and tuple(gap.interval()) == pytest.approx((0, 0, 0), abs=1e-20)


def test_a_model_that_is_wrong_off_the_data_has_a_gap():
    class Timid(SimulatorDynamics):
        def rollout(self, z0, actions):
            return super().rollout(z0, actions.clamp(-1, 1))

    model, problems = Timid(make_task("wall")), sample_problems("wall", "dataset", 20)
    gap = planned_gap(model, problems, torch.full((model.block_dim,), 4.0))
    assert gap.interval().low > 0


def test_errors_grow_from_an_exact_start(tiny_model):
    model, problems = tiny_model("wall"), sample_problems("wall", "dataset", 20)
    still = torch.zeros(20, 5, model.block_dim)
    error = executed_error(model, problems, still)
    assert error.shape == (20, 5) and np.isfinite(error).all() and (error >= 0).all()
    assert error[:, 4].mean() > error[:, 0].mean()


def test_the_gap_is_planned_minus_expert():
    gap = Gap(np.full((4, 2), 3.0), np.full((4, 2), 1.0))
    assert tuple(gap.interval()) == (2.0, 2.0, 2.0)


# --- Landscape


class Straight:
    def rollout(self, z0, actions):
        return torch.cat([z0.unsqueeze(-2), z0.unsqueeze(-2) + actions.cumsum(-2)], -2)


def bowl(noise=0.0, points=31):
    """A slice through the minimum of a quadratic loss, with noise."""
    z0 = torch.zeros(2, 4)
    objective = GoalDistance(torch.zeros(2, 4), 4)
    first, second = directions(0, 2, 3, 4)
    made = landscape(Straight(), z0, objective, torch.zeros(2, 3, 4), first, second, radius=4.0, points=points)
    rough = noise * np.random.default_rng(0).normal(size=made.loss.shape)
    return Slice(made.axis, made.loss + rough)


def test_directions_are_orthonormal_and_follow_from_the_seed():
    first, second = (part.flatten(1) for part in directions(0, 5, 3, 4))
    torch.testing.assert_close((first * first).sum(1), torch.ones(5))
    torch.testing.assert_close((second * second).sum(1), torch.ones(5))
    torch.testing.assert_close((first * second).sum(1), torch.zeros(5), atol=1e-6, rtol=0)
    assert torch.equal(directions(0, 5, 3, 4)[0], directions(0, 5, 3, 4)[0])
    assert not torch.equal(directions(0, 5, 3, 4)[0], directions(1, 5, 3, 4)[0])


def test_a_slice_holds_the_loss_at_its_points():
    first, second = directions(0, 2, 3, 4)
    made = bowl()
    assert made.axis[0] == -4 and made.axis[-1] == 4 and made.loss.shape == (2, 31, 31)
    for i, j in ((0, 0), (4, 20), (30, 7)):
        summed = (made.axis[i] * first + made.axis[j] * second).sum(1)
        np.testing.assert_allclose(made.loss[:, i, j], (summed**2).mean(1), rtol=1e-4, atol=1e-5)


def test_a_bowl_is_one_basin_and_noise_makes_it_rough_and_narrow():
    smooth, rough = bowl(), bowl(noise=2.0)
    assert smooth.basin().tolist() == [1.0, 1.0]
    assert (smooth.roughness() < 0.2 * rough.roughness()).all()
    assert (rough.basin() < 0.7).all()


def test_the_distance_is_that_of_the_lowest_point_from_the_centre():
    x = np.linspace(-2, 2, 41)
    losses = [(x[:, None] - u) ** 2 + (x[None] - v) ** 2 for u, v in ((0, 0), (1.2, -1.6), (0, 2))]
    np.testing.assert_allclose(Slice(x, np.array(losses)).distance(), [0, 2, 2], atol=1e-12)


def test_no_measure_depends_on_the_losss_scale():
    made = bowl(noise=0.5)
    scaled = Slice(made.axis, 7 * made.loss + 3)
    np.testing.assert_allclose(scaled.roughness(), made.roughness())
    np.testing.assert_array_equal(scaled.basin(), made.basin())
    np.testing.assert_array_equal(scaled.distance(), made.distance())


def test_two_bowls_share_the_plane():
    x = np.linspace(-1, 1, 41)
    two = np.minimum((x + 0.5) ** 2, (x - 0.5) ** 2 + 0.01)[:, None] + x[None] ** 2
    assert Slice(x, two[None]).basin()[0] == pytest.approx(0.5, abs=0.03)


def test_cem_plans_on_a_trained_model(tiny_model):
    problems = sample_problems("point_maze", "random", 3)
    outcome = evaluate(tiny_model("point_maze"), CEM(20, 4, 2), problems, "open", proprio=0.5, decay=0.5)
    assert np.isfinite(outcome.trajectory).all() and torch.isfinite(outcome.plans[0].loss).all()
