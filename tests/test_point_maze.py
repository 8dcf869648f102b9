"""The PointMaze simulator against hand-computed motion, its invariants, renderer and data policy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.tasks.point_maze import BALL_COLOUR, FLOOR_COLOUR, WALL_COLOUR, PointMaze

finite = st.floats(allow_nan=False, allow_infinity=False)


def clearance(states):
    """Distance (...) of the centres of ``states`` (..., 4) from the nearest wall, m."""
    x, y = states[..., 0], states[..., 1]
    border = np.minimum(np.minimum(x - 0.3, 3.3 - x), np.minimum(y - 0.3, 3.3 - y))
    across, above = np.maximum(np.abs(x - 1.8) - 0.5, 0.0), np.maximum(y - 2.3, 0.0)
    return np.minimum(border, np.hypot(across, above))


def rollout(state, *actions):
    return PointMaze().simulate(np.array([state], dtype=float), np.array([actions], dtype=float))[0]


@pytest.fixture(scope="module")
def data():
    return PointMaze().collect(np.random.default_rng(0), 200, 50)


def test_free_flight_is_semi_implicit_euler_with_implicit_damping():
    x, v = np.array([0.8, 1.0]), np.array([1.0, 2.0])
    for _ in range(5):
        v = (4.18879 * v + 0.01 * 100 * np.array([-0.5, 0.25])) / (4.18879 + 0.01)
        x = x + 0.01 * v
    np.testing.assert_allclose(rollout((0.8, 1.0, 1.0, 2.0), (-0.5, 0.25))[1], [*x, *v], atol=1e-12)


def test_forces_and_velocities_are_clipped():
    start = (0.8, 1.0, 0.0, 0.0)
    np.testing.assert_array_equal(rollout(start, (7.0, -1e300)), rollout(start, (1.0, -1.0)))
    fast, clipped = rollout((0.8, 0.8, 0.0, 50.0), (0, 0)), rollout((0.8, 0.8, 0.0, 5.0), (0, 0))
    np.testing.assert_array_equal(fast[1], clipped[1])


def test_a_ball_that_hits_a_side_stops_there_and_slides_on():
    x, y, vx, vy = rollout((0.5, 1.0, -5.0, 1.0), (0, 0), (0, 0))[-1]
    assert (x, vx) == (0.4, 0.0) and y > 1.05 and vy == pytest.approx(1.0, abs=0.03)
    x, y, vx, vy = rollout((1.0, 1.0, 5.0, 1.0), (0, 0), (0, 0))[-1]
    assert x == pytest.approx(1.2) and vx == pytest.approx(0.0, abs=1e-12) and y > 1.05


def test_a_ball_rolls_round_the_corner_of_the_block():
    states = rollout((1.25, 2.5, 0.0, -1.0), *[(0.0, 0.0)] * 6)
    assert states[-1, 0] < 1.25 and states[-1, 2] < 0  # deflected away from the block
    assert clearance(states[1:]).min() >= 0.1 - 1e-9
    np.testing.assert_allclose(clearance(states).min(), 0.1, atol=2e-3)


@given(st.integers(0, 2**32 - 1), st.lists(st.tuples(finite, finite), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_no_finite_actions_reach_into_a_wall(seed, actions):
    task = PointMaze()
    starts, _ = task.random_states(np.random.default_rng(seed), 8)
    states = task.simulate(starts, np.tile(np.array(actions), (8, 1, 1)))
    assert clearance(states).min() >= 0.1 - 1e-9
    assert (states >= task.state_low).all() and (states <= task.state_high).all()


def test_full_force_held_anywhere_stays_in_the_maze_and_within_the_declared_bounds():
    task, rng = PointMaze(), np.random.default_rng(0)
    starts, goals = task.random_states(rng, 2000)
    states = task.simulate(starts, np.repeat(rng.choice([-1.0, 1.0], (2000, 10, 2)), 5, axis=1))
    assert clearance(states).min() >= 0.1 - 1e-9 and clearance(goals).min() >= 0.2 - 1e-9
    assert (states >= task.state_low).all() and (states <= task.state_high).all()


@pytest.mark.parametrize("position", [(1.8, 1.0), (1.3, 2.0), (1.8, 2.3), (9.0, -9.0)])
def test_a_start_given_inside_a_wall_is_put_back(position):
    state = rollout((*position, 0.0, 0.0), (0, 0))[-1]
    assert clearance(state) >= 0.1 - 1e-9


def test_rollout_repeats_step_and_ignores_the_batch(data):
    task, (states, actions) = PointMaze(), data
    full = task.simulate(states[:, 0], actions)
    np.testing.assert_array_equal(full, states)
    for i in (0, 7, 199):
        np.testing.assert_array_equal(task.simulate(states[i : i + 1, 0], actions[i : i + 1])[0], full[i])


def test_replaying_the_data_from_any_step_is_exact(data):
    states, actions = data
    for t in (0, 3, 11, 25):
        replay = PointMaze().simulate(states[:, t], actions[:, t : t + 25])
        np.testing.assert_array_equal(replay[:, -1], states[:, t + 25])
        assert PointMaze().success(replay[:, -1], states[:, t + 25]).all()


def test_step_leaves_its_arguments_alone(data):
    states, actions = (array[:, 0].copy() for array in data)
    PointMaze().step(states, actions)
    np.testing.assert_array_equal(states, data[0][:, 0])
    np.testing.assert_array_equal(actions, data[1][:, 0])


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_actions_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="point_maze: actions must be finite"):
        rollout((0.8, 0.8, 0.0, 0.0), (bad, 0.0))


def test_random_problems_start_outside_their_goal_and_end_at_rest():
    task = PointMaze()
    starts, goals = task.sample_problems(np.random.default_rng(0), 500)
    assert task.start_outside_goal(starts, goals).all()
    assert (goals[:, 2:] == 0).all() and np.abs(starts[:, 2:]).max() <= 5.226
    assert np.abs(starts[:, 2:]).max() > 5.0


def test_a_waypoint_controller_solves_random_problems():
    task = PointMaze()
    states, goals = task.sample_problems(np.random.default_rng(0), 300)
    reached = np.zeros(300, dtype=bool)
    for _ in range(100):
        leg, goal_leg = (np.digitize(s[:, 0], [1.3, 2.3]) for s in (states, goals))
        # To another leg by the bottom of the U: first down, then across, then to the goal.
        at_bottom = (states[:, 1] > 2.6) | (leg == 1)
        x = np.where(at_bottom, np.clip(goals[:, 0], 0.8, 2.8), np.where(leg == 0, 0.8, 2.8))
        bottom = np.stack([x, np.full(300, 2.8)], axis=1)
        target = np.where((leg == goal_leg)[:, None], goals[:, :2], bottom)
        states = task.step(states, 2.0 * (target - states[:, :2]) - 0.5 * states[:, 2:])
        reached |= task.success(states, goals)
    assert reached.all()


def test_the_data_cover_the_maze_and_keep_moving(data):
    states, actions = data
    x, y = states[..., :2].reshape(-1, 2).T
    cells = np.histogram2d(x, y, bins=11, range=[[0.4, 3.2]] * 2)[0] > 0
    assert cells[:3].mean() > 0.95 and cells[-3:].mean() > 0.95 and cells[:, -3:].mean() > 0.95
    assert 1.0 < states[..., 2:].std() < 4.0
    assert np.abs(actions).max() <= 1.0 and actions.std() > 0.4
    assert PointMaze().collect(np.random.default_rng(0), 3, 80)[0].shape == (3, 81, 4)


def test_the_data_follow_from_the_generator_alone(data):
    again = PointMaze().collect(np.random.default_rng(0), 200, 50)
    other = PointMaze().collect(np.random.default_rng(1), 200, 50)
    for first, second, third in zip(data, again, other, strict=True):
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, third)


def test_distance_is_in_success_radii_and_ignores_velocity():
    distance = PointMaze().distance(np.array([[0.5, 0.5, 5.0, 5.0]]), np.array([[0.8, 0.9, 0.0, 0.0]]))
    np.testing.assert_allclose(distance, [1.0])


@pytest.mark.parametrize("size", [64, 224])
def test_pictures_show_maze_and_ball(size):
    states = np.array([[0.8, 1.0, 0, 0], [2.8, 2.8, 3, 3]])
    frames = PointMaze().render(states, size)
    assert frames.shape == (2, size, size, 3) and frames.dtype == np.uint8

    def pixel(x, y, frame=0):
        return tuple(frames[frame, int((y + 0.2) * size / 4), int((x + 0.2) * size / 4)].tolist())

    assert pixel(0.8, 1.0) == pixel(2.8, 2.8, 1) == BALL_COLOUR
    assert pixel(0.8, 2.0) == pixel(1.8, 2.8) == pixel(2.8, 0.6) == FLOOR_COLOUR
    assert pixel(1.8, 1.0) == pixel(0.0, 0.0) == pixel(3.6, 2.0) == WALL_COLOUR
    np.testing.assert_array_equal(PointMaze().render(states[1:], size)[0], frames[1])
    empty = PointMaze().render(np.array([[9.0, 9.0, 0, 0]]), size)[0]
    drawn = (frames[0, ..., 1].astype(float) - empty[..., 1]).sum() / (BALL_COLOUR[1] - FLOOR_COLOUR[1])
    assert drawn * (4 / size) ** 2 == pytest.approx(np.pi * 0.2**2, rel=0.03)
