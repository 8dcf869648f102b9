"""The simulators in torch: those of numpy, with gradients that are right, through which descent reaches goals."""

import numpy as np
import pytest
import torch

from lab.data import sample_problems
from lab.errors import LabError
from lab.evaluation.simulation import SimulatorDynamics
from lab.evaluation.success import evaluate
from lab.planning import GradientPlanner
from lab.tasks import make_task
from lab.tasks.differentiable import simulate

VARIED = {"wall": {"wall_x": 40.3, "door_y": 21.7, "stride": 2.5}, "point_maze": {"mass": 6.5, "damping": 9.0}}
TASKS = [make_task(name).varied(variation) for name, varied in VARIED.items() for variation in ({}, varied)]
IDS = [f"{how} {name}" for name in VARIED for how in ("usual", "varied")]


def trajectories(task, n: int, steps: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Random starts, and actions that are often too strong, so that everything is run into."""
    rng = np.random.default_rng(0)
    starts, _ = task.random_states(rng, n)
    return starts, rng.normal(0, 1, (n, 1, 2)) * task.action_limit + rng.normal(0, 1, (n, steps, 2))


@pytest.mark.parametrize("task", TASKS, ids=IDS)
def test_states_are_those_of_the_exact_simulator(task):
    starts, actions = trajectories(task, 300)
    expected, found = task.simulate(starts, actions), simulate(task, *map(torch.from_numpy, (starts, actions)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("task", TASKS, ids=IDS)
def test_gradients_are_finite_differences_wherever_nothing_jumps(task):
    """Elsewhere, a contact begins or ends between the two sides of a difference, which then do not agree."""
    starts, actions = trajectories(task, 200, 5)
    starts, actions = torch.from_numpy(starts), torch.from_numpy(actions).requires_grad_(True)
    end = simulate(task, starts, actions)[:, -1]
    towards = torch.randn(end.shape, dtype=end.dtype, generator=torch.Generator().manual_seed(0))
    (slope,) = torch.autograd.grad((end * towards).sum(), actions)
    step = 1e-6 * torch.randn(actions.shape, dtype=end.dtype, generator=torch.Generator().manual_seed(1))
    values = [(simulate(task, starts, actions.detach() + k * step)[:, -1] * towards).sum(-1) for k in (-1, 0, 1)]
    left, right = values[1] - values[0], values[2] - values[1]
    smooth = (left - right).abs() < 1e-9
    assert smooth.double().mean() > 0.9 and slope.isfinite().all()
    torch.testing.assert_close((slope * step).sum((1, 2))[smooth], ((left + right) / 2)[smooth], rtol=1e-4, atol=1e-9)


def test_adam_reaches_the_goals_through_the_simulator():
    problems = sample_problems("wall", "dataset", 10, "tune")
    planner = GradientPlanner("adam", lr=0.1, iterations=40, restarts=4)
    outcome = evaluate(SimulatorDynamics(make_task("wall")), planner, problems)
    assert outcome.success["full"].mean() >= 0.9
    assert (outcome.plans[0].loss < outcome.plans[0].history[0]).all()


def test_a_task_without_one_is_named():
    with pytest.raises(LabError, match="push_t has no simulator in torch"):
        simulate(make_task("push_t"), torch.zeros(1, 7), torch.zeros(1, 1, 2))
