"""The PushT simulator against the reference's motion, its invariants, success criteria, renderer and data policy."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.tasks.push_t import PushT
from lab.tasks.push_t_render import BLOCK_COLOUR, PUSHER_CENTRE_COLOUR, WALL_COLOUR

finite = st.floats(allow_nan=False, allow_infinity=False)
seeds = st.integers(0, 2**32 - 1)
OUTLINE = np.array([(-60, 0), (60, 0), (60, 30), (15, 30), (15, 120), (-15, 120), (-15, 30), (-60, 30)], dtype=float)


def rollout(state, *actions):
    return PushT().simulate(np.array([state], dtype=float), np.array([actions], dtype=float))[0]


def on_table(points, states):
    """``points`` (n, 2) of the block's own frame in ``states`` (..., 7), as (..., n, 2)."""
    cos, sin = np.cos(states[..., 4, None]), np.sin(states[..., 4, None])
    x, y = np.asarray(points, dtype=float).T
    return states[..., None, 2:4] + np.stack([cos * x - sin * y, sin * x + cos * y], -1)


def into_walls(states):
    """How far (...) the block reaches into the walls, px; negative where it is clear of them."""
    corners = on_table(OUTLINE, states)
    return np.maximum(7 - corners.min(axis=(-1, -2)), corners.max(axis=(-1, -2)) - 504)


def wild(seed, actions, n=4):
    """Rollouts (n, T + 1, 7) of arbitrary actions."""
    starts, _ = PushT().random_states(np.random.default_rng(seed), n)
    return PushT().simulate(starts, np.tile(np.array(actions), (n, 1, 1)))


@pytest.fixture(scope="module")
def data():
    return PushT().collect(np.random.default_rng(0), 120, 50)


def test_the_pusher_answers_like_the_reference():
    states = rollout((250, 250, 400, 400, 0, 0, 0), *[(0.2, 0)] * 4)
    np.testing.assert_allclose(states[1:4, 0], [255.91, 264.07, 272.21], atol=6e-3)
    assert states[-1, 5] == pytest.approx(74.3, abs=0.1)
    np.testing.assert_array_equal(states[:, [1, 6]], np.tile([250.0, 0.0], (5, 1)))


def test_a_start_takes_no_physics_step():
    start = (87, 285, 300, 300, 1, 100, -50)
    np.testing.assert_array_equal(rollout(start, (0, 0))[0], start)


def test_the_pusher_moves_the_same_whether_or_not_the_block_is_near():
    actions = np.random.default_rng(0).normal(0, 0.3, (20, 2))
    free = rollout((250, 250, 100, 350, 0, 0, 0), *actions)
    busy = rollout((250, 250, 280, 200, 0, 0, 0), *actions)
    np.testing.assert_array_equal(free[:, [0, 1, 5, 6]], busy[:, [0, 1, 5, 6]])
    assert np.abs(busy[-1, 2:5] - busy[0, 2:5]).max() > 1 and (free[:, 2:5] == free[0, 2:5]).all()


def test_a_push_through_the_centre_of_gravity_moves_the_block_straight():
    states = rollout((250, 170, 250, 200, 0, 0, 0), *[(0, 0.3)] * 8)
    assert states[-1, 3] - 200 > 40
    np.testing.assert_allclose(states[:, 2], 250, atol=1e-6)
    # Angles are in [0, 2 pi): compared as a direction
    np.testing.assert_allclose(np.sin(states[:, 4]), 0, atol=1e-6)
    # The pusher ends against the bar and not in it, but for the contact's slack and one sub-step
    assert states[-1, 3] - states[-1, 1] == pytest.approx(15, abs=2)


@pytest.mark.parametrize(("x", "sign"), [(200, -1), (300, 1)])
def test_a_push_beside_the_centre_of_gravity_turns_the_block(x, sign):
    states = rollout((x, 170, 250, 200, 0, 0, 0), *[(0, 0.3)] * 8)
    assert sign * np.unwrap(states[:, 4])[-1] > 0.2


def test_the_block_stops_with_the_pusher():
    pushed = rollout((250, 170, 250, 200, 0, 0, 0), *[(0, 0.4)] * 5)[-1]
    away = rollout(pushed, *[(0, -0.5)] * 8)
    np.testing.assert_array_equal(away[3:, 2:5], np.tile(away[3, 2:5], (6, 1)))
    assert np.abs(away[-1, 2:4] - pushed[2:4]).max() < 5


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_block_at_rest_does_not_move(seed):
    starts, _ = PushT().random_states(np.random.default_rng(seed), 16)
    after = PushT().simulate(starts, np.zeros((16, 3, 2)))
    np.testing.assert_array_equal(after[:, -1], starts)


def test_rollout_repeats_step(data):
    states, actions = data
    state = states[:, 0]
    for t in range(15):
        state = PushT().step(state, actions[:, t])
        np.testing.assert_array_equal(state, states[:, t + 1])


@pytest.mark.parametrize("t", [1, 7, 23])
def test_replaying_the_data_from_any_step_is_exact(data, t):
    states, actions = data
    replay = PushT().simulate(states[:, t], actions[:, t : t + 25])
    np.testing.assert_array_equal(replay, states[:, t : t + 26])
    assert PushT().success(replay[:, -1], states[:, t + 25]).all()


def test_a_problem_goes_the_same_way_alone_and_in_any_batch(data):
    task, (states, actions) = PushT(), data
    for i in (0, 7, 63):
        np.testing.assert_array_equal(task.simulate(states[i : i + 1, 0], actions[i : i + 1])[0], states[i])
    order = np.random.default_rng(0).permutation(len(states))
    np.testing.assert_array_equal(task.simulate(states[order, 0], actions[order]), states[order])


def test_step_leaves_its_arguments_alone(data):
    states, actions = (array[:, 0].copy() for array in data)
    PushT().step(states, actions)
    np.testing.assert_array_equal(states, data[0][:, 0])
    np.testing.assert_array_equal(actions, data[1][:, 0])


@given(seeds, st.lists(st.tuples(finite, finite), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_no_finite_action_leaves_the_numbers(seed, actions):
    assert np.isfinite(wild(seed, actions)).all()


@given(seeds, st.lists(st.tuples(finite, finite), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_no_finite_action_leaves_the_declared_bounds(seed, actions):
    states = wild(seed, actions)
    assert (states >= PushT.state_low).all() and (states <= PushT.state_high).all()
    assert (states[..., 4] < 2 * np.pi).all()


@pytest.mark.parametrize("action", [(1e30, 0), (-1e300, 1e300), (1e5, -1e5)])
def test_huge_actions_are_clipped(action):
    states = rollout((250, 250, 300, 300, 1, 0, 0), *[action, (0, 0), (-action[0], -action[1])] * 5)
    assert np.isfinite(states).all()
    assert (states >= PushT.state_low).all() and (states <= PushT.state_high).all()


@given(seeds, st.floats(0.2, 5))
@settings(max_examples=15, deadline=None)
def test_a_block_pressed_against_a_wall_stays_inside(seed, strength):
    task = PushT()
    states, _ = task.random_states(np.random.default_rng(seed), 8)
    for _ in range(30):
        ahead = on_table([(0, 45)], states)[:, 0] - states[:, :2]
        states = task.step(states, strength * ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9))
        assert into_walls(states).max() <= 0.1 + 1e-9


def test_a_block_can_be_pushed_flush_against_the_wall():
    states = rollout((250, 338, 250, 365, 0, 0, 0), *[(0, 0.1)] * 8)
    assert into_walls(states[-1]) == pytest.approx(0, abs=0.2)
    np.testing.assert_allclose(np.sin(states[:, 4]), 0, atol=1e-3)


def test_a_start_given_inside_a_wall_is_put_back():
    start = np.array([400, 100, 30, 250, 2, 0, 0])
    assert into_walls(start) > 5
    states = rollout(start, (0, 0), (0, 0))
    assert into_walls(states[1:]).max() <= 0.1
    np.testing.assert_array_equal(states[2], states[1])
    assert states[1, 3] == 250 and states[1, 4] == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_actions_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="push_t: actions must be finite"):
        rollout((250, 250, 300, 300, 0, 0, 0), (bad, 0.0))


def test_random_problems_are_the_references():
    task = PushT()
    for states in task.sample_problems(np.random.default_rng(0), 1000):
        assert (states[:, :2] >= 50).all() and (states[:, :2] < 450).all()
        assert (states[:, 2:4] >= 100).all() and (states[:, 2:4] < 400).all()
        assert (states[:, 5:] == 0).all() and (states[:, 4] >= 0).all() and (states[:, 4] < 2 * np.pi).all()
        assert states[:, 4].std() == pytest.approx(2 * np.pi / 12**0.5, rel=0.05)
    assert task.start_outside_goal(*task.sample_problems(np.random.default_rng(1), 500)).all()


def test_no_random_problem_begins_with_the_pusher_on_the_block():
    for states in PushT().random_states(np.random.default_rng(0), 1000):
        edges = np.linspace(OUTLINE, np.roll(OUTLINE, -1, 0), 50, axis=1).reshape(-1, 2)
        gaps = np.linalg.norm(on_table(edges, states) - states[:, None, :2], axis=-1).min(1)
        assert gaps.min() > 15


def test_no_random_problem_has_the_block_in_a_wall():
    for states in PushT().random_states(np.random.default_rng(0), 1000):
        assert into_walls(states).max() <= 0.1


def test_success_needs_pusher_block_and_angle():
    task, goal = PushT(), np.array([[200, 200, 300, 300, 1, 0, 0]], dtype=float)

    def distances(*change):
        state = goal + np.array(change)
        return task.distance(state, goal)[0], task.distance(state, goal, "block")[0]

    assert distances(0, 0, 0, 0, 0, 80, -80) == (0, 0)
    assert distances(12, 0, 0, 16, 0, 0, 0) == (1.0, 0.8)
    assert distances(300, 0, 3, 4, 0, 0, 0)[1] == 0.25
    np.testing.assert_allclose(distances(1, 0, 0, 0, -np.pi / 18, 0, 0), 0.5)
    with pytest.raises(ValueError, match="full, block"):
        task.distance(goal, goal, "angle")


@given(st.floats(-np.pi, np.pi), st.integers(-3, 3), st.integers(-3, 3))
def test_angles_are_compared_as_directions(turn, here, there):
    states, goals = np.zeros((1, 7)), np.zeros((1, 7))
    states[:, 4], goals[:, 4] = turn + 2 * np.pi * here, 2 * np.pi * there
    np.testing.assert_allclose(PushT().distance(states, goals), abs(turn) / (np.pi / 9), atol=1e-9)


def test_the_data_push_the_block_about(data):
    states, actions = data
    assert actions.std(axis=(0, 1)).min() > 0.18 and actions.std(axis=(0, 1)).max() < 0.27
    assert 65 < states[..., 5:].std() < 100
    moved = np.linalg.norm(states[:, 25::25, 2:4] - states[:, :-25:25, 2:4], axis=-1)
    assert (moved > 20).mean() > 0.55
    assert np.histogram(states[..., 4], 8, (0, 2 * np.pi))[0].min() > 0.04 * states[..., 4].size
    assert (np.abs(states[..., :2] - 256) < 256).all()
    assert PushT().collect(np.random.default_rng(0), 3, 7)[1].shape == (3, 7, 2)


def test_the_data_keep_the_block_inside(data):
    assert into_walls(data[0]).max() <= 0.1 + 1e-9


def test_the_data_follow_from_the_generator_alone():
    first_run, again, other = (PushT().collect(np.random.default_rng(seed), 20, 30) for seed in (0, 0, 1))
    for first, second, third in zip(first_run, again, other, strict=True):
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, third)


@pytest.mark.parametrize("size", [64, 224])
def test_pictures_show_table_block_and_pusher(size):
    states = np.array([[100, 100, 300, 300, 0.7, 0, 0], [256, 256, 256, 211, 0, 50, 0]], dtype=float)
    frames = PushT().render(states, size)
    assert frames.shape == (2, size, size, 3) and frames.dtype == np.uint8

    def pixel(x, y, frame=0):
        return tuple(frames[frame, int(y * size / 512), int(x * size / 512)].tolist())

    assert pixel(100, 100) == pixel(256, 256, 1) == PUSHER_CENTRE_COLOUR  # the second pusher lies over the block
    for x, y in on_table([(0, 45), (0, 15), (50, 15), (-50, 15), (0, 108)], states[0]):
        assert pixel(x, y) == BLOCK_COLOUR
    assert pixel(256, 256) == pixel(450, 100) == (255, 255, 255)  # no goal is drawn
    assert pixel(5, 300) != (255, 255, 255) and (size < 224 or pixel(5, 300) == WALL_COLOUR)
    np.testing.assert_array_equal(PushT().render(states[1:], size)[0], frames[1])


def test_a_picture_shows_the_true_areas():
    size, state = 224, np.array([[100, 120, 300, 250, 2.4, 0, 0]])
    empty = PushT().render(np.array([[-500, -500, -500, -500, 0, 0, 0.0]]), size)[0].astype(float)
    shown = (PushT().render(state, size)[0] - empty) * (512 / size) ** 2
    block, pusher = shown[:, size * 200 // 512 :, 0].sum(), shown[:, : size * 200 // 512, 1].sum()
    assert block / (BLOCK_COLOUR[0] - 255) == pytest.approx(120 * 30 + 30 * 90, rel=0.02)
    rim, centre = np.pi * (15**2 - 11**2), np.pi * 11**2
    assert pusher == pytest.approx(rim * (105 - 255) + centre * (126 - 255), rel=0.03)


@given(st.tuples(*[st.floats(-2500, 2500)] * 4), st.floats(0, 6.28), st.sampled_from([16, 64]))
@settings(max_examples=50, deadline=None)
def test_any_state_can_be_drawn(positions, angle, size):
    frames = PushT().render(np.array([[*positions, angle, 0, 0]]), size)
    assert frames.shape == (1, size, size, 3)
    if max(abs(p - 256) for p in positions) > 2000 and min(abs(p - 256) for p in positions) > 500:
        assert (frames >= min(WALL_COLOUR)).all()  # nothing but the table


def test_gymnasium_accepts_the_environment():
    check_env(gym.make("lab/PushT-v0", render_mode="rgb_array").unwrapped)
