"""What every task owes as an environment: shapes at its door, what it executes, and what is seen of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from lab.tasks import TASKS, make_task
from lab.tasks.environment import Environment, distances, executed


@pytest.fixture(params=TASKS)
def task(request):
    return make_task(request.param)


def trajectory(task, n=2, steps=2, seed=0):
    """States (n, steps + 1, S) and actions (n, steps, A) of the data policy."""
    return task.collect(np.random.default_rng(seed), n, steps)


def test_every_task_is_an_environment(task):
    states, actions = trajectory(task)
    assert isinstance(task, Environment)
    np.testing.assert_array_equal(task.simulate(states[:, 0], actions), states)
    assert set(distances(task, states[:, 0], states[:, -1])) == set(task.criteria)


def test_shapes_that_numpy_would_broadcast_are_refused(task):
    states, actions = trajectory(task)
    starts = states[:, 0]
    wrong = [
        (starts, actions[..., :-1]),
        (starts, actions[..., :1]),
        (starts[:, :1], actions),
        (starts[:1], actions),
        (starts, actions[:1]),
        (starts[0], actions),
        (starts, actions[:, 0]),
        (starts[None], actions[None]),
    ]
    for pair in wrong:
        with pytest.raises(LabError, match=rf"{task.name}: expected states \(B, {starts.shape[1]}\) and actions"):
            task.simulate(*pair)
    with pytest.raises(LabError, match=f"{task.name}: states must be finite"):
        task.simulate(np.full_like(starts, np.nan), actions)
    with pytest.raises(LabError, match=rf"{task.name}: expected states \(\.\.\., {starts.shape[1]}\)"):
        task.observe(starts[:, :1])


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(TASKS)), st.floats(0.1, 100), st.integers(0, 1000))
def test_the_world_goes_on_as_if_only_what_is_executed_had_been_asked_for(name, scale, seed):
    task = make_task(name)
    start = task.random_states(np.random.default_rng(seed), 1)[0]
    actions = np.random.default_rng(seed).normal(0, scale, (1, 1, task.action_dim))
    done = executed(task, actions)
    np.testing.assert_array_equal(executed(task, done), done)
    np.testing.assert_array_equal(task.simulate(start, actions), task.simulate(start, done))


def test_tasks_that_clip_say_so():
    far = np.full((1, 1, 4), 50.0)
    assert executed(make_task("point_maze"), far[..., :2]).max() == 1 and executed(make_task("rope"), far).max() == 4
    assert executed(make_task("wall"), far[..., :2]).max() == 50


def test_an_observation_keeps_leading_dimensions_and_draws_only_when_asked(task, monkeypatch):
    states = trajectory(task)[0]
    drawn = []
    render = type(task).render
    monkeypatch.setattr(type(task), "render", lambda self, *args: drawn.append(args) or render(self, *args))
    seen = task.observe(states)
    assert seen.proprio().shape == (2, 3, task.proprio_dim) and not drawn
    pictures = seen.pictures(32)
    assert pictures.shape == (2, 3, 32, 32, 3) and pictures.dtype == np.uint8 and len(drawn) == 1
    np.testing.assert_array_equal(pictures[1], render(task, states[1], 32))
