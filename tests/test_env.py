"""Every task as a Gymnasium environment."""

import re

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from lab.errors import LabError
from lab.tasks import TASKS, make_task
from lab.tasks.env import TaskEnv

tasks = pytest.mark.parametrize("name", TASKS)


def make(name, **options):
    return gym.make(TASKS[name].env_id, **options).unwrapped


@tasks
def test_gymnasium_accepts_the_environment(name):
    check_env(make(name, render_mode="rgb_array"))


@tasks
def test_reset_sets_the_given_problem(name):
    env = make(name, size=32)
    starts, goals = env.task.sample_problems(np.random.default_rng(3), 1)
    observation, info = env.reset(seed=0, options={"state": starts[0], "goal": goals[0]})
    np.testing.assert_array_equal(info["state"], starts[0])
    np.testing.assert_array_equal(observation["image"], env.task.render(starts, 32)[0])
    np.testing.assert_array_equal(observation["goal"], env.task.render(goals, 32)[0])
    np.testing.assert_array_equal(observation["proprio"], env.task.proprio(starts)[0])
    assert info["distance"] == env.task.distance(starts, goals)[0] and not info["success"]


@tasks
def test_steps_are_those_of_the_task(name):
    env = make(name, size=32)
    _, info = env.reset(seed=1)
    env.action_space.seed(1)
    actions = np.stack([env.action_space.sample() for _ in range(10)])
    trajectory = env.task.simulate(info["state"][None], actions[None])[0]
    for action, expected in zip(actions, trajectory[1:], strict=True):
        observation, reward, terminated, truncated, info = env.step(action)
        np.testing.assert_array_equal(info["state"], expected)
        assert observation in env.observation_space
        assert reward == -info["distance"] and terminated == (info["distance"] < 1) and not truncated


@tasks
def test_an_episode_ends_at_the_goal(name):
    env = make(name)
    starts, _ = env.task.sample_problems(np.random.default_rng(0), 1)
    env.reset(
        seed=0, options={"state": starts[0], "goal": env.task.step(starts, np.zeros((1, env.task.action_dim)))[0]}
    )
    _, reward, terminated, _, info = env.step(np.zeros(env.task.action_dim))
    assert reward == 0 and terminated and info["success"]


@tasks
def test_resets_follow_from_the_seed(name):
    env = make(name, render_mode="rgb_array")
    (_, first), (_, again), (_, other) = env.reset(seed=5), env.reset(seed=5), env.reset(seed=6)
    np.testing.assert_array_equal(first["state"], again["state"])
    assert not np.array_equal(first["state"], other["state"])
    assert env.render().shape == (224, 224, 3)
    assert make(name).render() is None


@tasks
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stat": [0.0]}, "Unknown option 'stat' (did you mean 'state'?): choose one of state, goal"),
        ({"state": np.nan}, "the option state must be"),
        ({"goal": [1.0, 2.0, 3.0]}, "finite numbers, got [1.0, 2.0, 3.0]"),
        ({"goal": "far"}, "finite numbers, got 'far'"),
    ],
)
def test_a_reset_to_something_else_than_a_problem_is_refused(name, options, message):
    with pytest.raises(LabError, match=re.escape(message)):
        make(name).reset(options=options)


def test_an_environment_that_cannot_be_is_refused():
    with pytest.raises(LabError, match="picture is 1 to 4096 pixels, got 0"):
        TaskEnv("wall", size=0)
    with pytest.raises(LabError, match="Unknown render mode 'human'"):
        TaskEnv("wall", render_mode="human")
    with pytest.raises(LabError, match="call reset before the first step"):
        TaskEnv("wall").step(np.zeros(2))


@tasks
@pytest.mark.parametrize("options", [["state"], "state", 1, [("state", [0.0])]])
def test_options_that_are_no_mapping_are_refused(name, options):
    with pytest.raises(LabError, match=r"options are a mapping such as \{'state': \.\.\.\}, got "):
        make(name).reset(options=options)


@tasks
@pytest.mark.parametrize("action", ["a", None, 0.0, [[0.0]], [0.0] * 9, [[0.0], [0.0, 1.0]], [np.nan] * 9])
def test_an_action_that_is_none_is_refused(name, action):
    env = make(name)
    env.reset(seed=0)
    with pytest.raises(LabError, match=rf"^{env.task.env_id}: the action must be \d finite numbers, got "):
        env.step(action)


@tasks
@pytest.mark.parametrize("far", [1e3, -1e3, 1e6, 9e8, 1e10, -1e20, 1e300])
@pytest.mark.filterwarnings("error")
def test_a_state_out_of_the_world_is_drawn_or_refused_but_never_garbage(name, far):
    """Wall draws its dot in proportion to its largest pixel, which outside there is not."""
    env = make(name, size=32)
    states, _ = env.task.sample_problems(np.random.default_rng(0), 2)
    said = rf"^{name}: to draw, expected states .*, got "
    try:
        pictures = env.task.render(states + far, 32)
    except LabError as refusal:
        assert (name == "wall" or abs(far) > 1e9) and re.match(said, str(refusal))
        with pytest.raises(LabError, match=said):
            env.reset(options={"state": states[0] + far})
    else:
        np.testing.assert_array_equal(pictures[0], pictures[1])  # of an empty world, wherever the bodies are
        assert name != "wall" and abs(far) <= 1e9


@pytest.mark.parametrize("dot", [1.0, 1.7, 4.0])
def test_a_dot_on_its_way_out_is_drawn_until_nothing_of_it_is_left(dot):
    task = make_task("wall").varied({"dot": dot})
    inside, outside = task.render(np.array([[4.0, 30.0], [4.0 - 3 * dot, 30.0]]), 64).astype(int)
    assert (inside[..., 0] - inside[..., 1]).max() > 100 and (outside[..., 0] - outside[..., 1]).max() > 100


@tasks
def test_the_doors_of_a_task_refuse_what_would_be_broadcast(name):
    task = make_task(name)
    states, goals = task.sample_problems(np.random.default_rng(0), 2)
    actions = np.zeros((2, task.action_dim))
    for refused in (
        lambda: task.step(states, actions[:, :-1]),
        lambda: task.step(states, actions[:1]),
        lambda: task.step(states[:, :-1], actions),
        lambda: task.distance(states, goals[:1]),
        lambda: task.distance(states[:, :-1], goals[:, :-1]),
        lambda: task.render(states, 0),
        lambda: task.render(states, 1.5),
        lambda: task.render(states, 10**6),
        lambda: task.render(states * np.nan, 32),
        lambda: task.render(states[:, :-1], 32),
        lambda: task.collect(np.random.default_rng(0), 0, 3),
        lambda: task.collect(np.random.default_rng(0), 2, 0),
        lambda: task.sample_problems(np.random.default_rng(0), 0),
    ):
        with pytest.raises(LabError, match=r"(expected|picture is) .*, got "):
            refused()


@tasks
def test_no_problem_at_all_is_no_trouble(name):
    task = make_task(name)
    nothing = np.zeros((0, len(task.state_fields)))
    assert task.render(nothing, 32).shape == (0, 32, 32, 3)
    assert task.simulate(nothing, np.zeros((0, 1, task.action_dim))).shape == (0, 2, len(task.state_fields))


@tasks
def test_actions_that_are_not_finite_are_refused(name):
    env = make(name)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="finite"):
        env.step(np.full(env.task.action_dim, np.nan))


def test_an_unknown_task_is_refused_by_name():
    with pytest.raises(ValueError, match=r"Unknown task 'chess'.*wall"):
        make_task("chess")
