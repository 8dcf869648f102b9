"""The Wall simulator against the reference's recorded moves, its invariants, renderer and data policy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from lab.tasks.wall import BORDERS, DOOR_HALF_HEIGHT, WALL_HALF_WIDTH, Wall

finite = st.floats(allow_nan=False, allow_infinity=False)
moderate = st.floats(-40, 40)
inside = st.floats(4.25, 59.75)


def step(position, action, task=None):
    return (task or Wall()).step(np.array([position], dtype=float), np.array([action], dtype=float))[0]


def free(task, states):
    """Whether positions (..., 2) are within the borders and outside the wall."""
    x, y = states[..., 0], states[..., 1]
    in_wall = (np.abs(x - task.wall_x) <= WALL_HALF_WIDTH) & (np.abs(y - task.door_y) > DOOR_HALF_HEIGHT)
    return (states > BORDERS[0]).all(axis=-1) & (states < BORDERS[1]).all(axis=-1) & ~in_wall


@pytest.fixture(scope="module")
def data():
    return Wall().collect(np.random.default_rng(0), 200, 50)


@pytest.mark.parametrize(
    ("position", "action", "expected"),
    [
        ((27, 15), (2, 0), (28.5, 15.5)),
        ((27, 15), (2, 1), (28.5, 16.5)),
        ((27, 30), (2, 0), (31, 30)),
        ((6, 20), (-2, 0), (4.5, 20.5)),
        ((15, 6), (0.5, -2), (16, 4.5)),
    ],
)
def test_moves_recorded_from_the_reference(position, action, expected):
    np.testing.assert_array_equal(step(position, action), expected)


@pytest.mark.parametrize(
    ("position", "action", "expected"),
    [
        ((15, 6), (0, -2), (15.5, 4.5)),  # NaN in the reference
        ((15, 58), (0, 2), (15.5, 59.5)),
        ((58, 20), (2, 0), (59.5, 20.5)),
        ((32, 32), (0, 3), (32.5, 33.5)),  # floor of the door
        ((32, 28), (0, -3), (32.5, 26.5)),  # ceiling of the door
        ((27, 15), (3, 12), (28.5, 23.5)),  # does not enter the door through the wall
        ((20, 30), (30, 0), (59.5, 30.5)),  # through the door to the far border
        ((59.8, 6), (0, -2), (59.7, 4.5)),  # the kick along the border does not leave the room
        ((28.8, 6), (0, -2), (28.7, 4.5)),  # nor does it enter the wall
        ((20, 20), (0, 0), (20, 20)),
    ],
)
def test_repaired_and_hand_computed_moves(position, action, expected):
    np.testing.assert_allclose(step(position, action), expected, atol=1e-12)


@given(inside, inside, finite | moderate, finite | moderate)
@settings(max_examples=500, deadline=None)
def test_no_finite_action_leaves_the_rooms(x, y, dx, dy):
    task = Wall()
    if free(task, np.array([x, y])):
        assert free(task, step((x, y), (dx, dy)))


@given(st.integers(0, 2**32 - 1), st.floats(16, 48), st.floats(10, 54), st.floats(0.1, 40))
@settings(max_examples=50, deadline=None)
def test_every_geometry_keeps_the_dot_in_its_rooms(seed, wall_x, door_y, scale):
    task, rng = Wall(wall_x, door_y), np.random.default_rng(seed)
    starts, goals = task.random_states(rng, 20)
    assert free(task, starts).all() and free(task, goals).all()
    assert ((starts[:, 0] < wall_x) != (goals[:, 0] < wall_x)).all()
    assert free(task, task.simulate(starts, scale * rng.normal(size=(20, 30, 2)))).all()


def test_moves_that_do_not_touch_the_door_stay_in_their_room():
    task, rng = Wall(), np.random.default_rng(0)
    starts = rng.uniform([5, 5], [28, 20], (500, 2))
    ends = task.step(starts, np.stack([rng.uniform(0, 50, 500), rng.uniform(-1, 1, 500)], axis=1))
    assert (ends[:, 0] < 29).all()


@pytest.mark.parametrize(("wall_x", "door_y"), [(10, 30), (55, 30), (32, 5), (32, np.nan)])
def test_impossible_geometry_is_refused(wall_x, door_y):
    with pytest.raises(LabError, match=r"wall: the factor \w+ is a number from"):
        Wall(wall_x, door_y)


def test_rollout_repeats_step_and_ignores_the_batch(data):
    task, (states, actions) = Wall(), data
    rollout = task.simulate(states[:, 0], actions)
    np.testing.assert_array_equal(rollout, states)
    for i in (0, 7, 199):
        np.testing.assert_array_equal(task.simulate(states[i : i + 1, 0], actions[i : i + 1])[0], rollout[i])


def test_replaying_the_data_from_any_step_is_exact(data):
    states, actions = data
    for t in (0, 3, 11, 25):
        replay = Wall().simulate(states[:, t], actions[:, t : t + 25])
        np.testing.assert_array_equal(replay[:, -1], states[:, t + 25])
        assert Wall().success(replay[:, -1], states[:, t + 25]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_actions_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="wall: actions must be finite"):
        Wall().simulate(np.full((1, 2), 20.0), np.full((1, 1, 2), bad))


def test_a_walk_through_the_door_solves_every_random_problem_in_25_steps():
    task = Wall()
    states, goals = task.sample_problems(np.random.default_rng(0), 500)
    assert task.start_outside_goal(states, goals).all()
    towards = np.where(goals[:, 0] > task.wall_x, 1.0, -1.0)
    mouths = [np.stack([task.wall_x + s * 4 * towards, np.full(500, task.door_y)], axis=1) for s in (-1, 1)]
    leg = np.zeros(500, dtype=int)
    for _ in range(25):
        leg += np.linalg.norm(np.choose(leg[:, None], [*mouths, goals]) - states, axis=1) < 1.0
        leg = np.minimum(leg, 2)
        way = np.choose(leg[:, None], [*mouths, goals]) - states
        reach = np.minimum(2 * task.action_limit, np.linalg.norm(way, axis=1, keepdims=True))
        states = task.step(states, way / np.linalg.norm(way, axis=1, keepdims=True).clip(1e-9) * reach / 2)
    assert task.success(states, goals).all()


def test_the_data_cross_the_door_with_steps_of_about_two_pixels(data):
    states, actions = data
    assert free(Wall(), states).all()
    right = states[..., 0] > 32
    assert 0.15 < (right[:, 25:] != right[:, :-25]).mean() < 0.35
    assert 0.9 < np.linalg.norm(actions, axis=-1).mean() < 1.1
    assert np.abs(actions).max() <= Wall.action_limit


def test_the_data_follow_from_the_generator_alone(data):
    again = Wall().collect(np.random.default_rng(0), 200, 50)
    other = Wall().collect(np.random.default_rng(1), 200, 50)
    for first, second, third in zip(data, again, other, strict=True):
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, third)


def test_distance_is_in_success_radii():
    distance = Wall().distance(np.array([[10.0, 10.0], [10.0, 10.0]]), np.array([[14.5, 10.0], [13.0, 14.0]]))
    np.testing.assert_allclose(distance, [1.0, 5 / 4.5])
    assert not Wall().success(np.array([[10.0, 10.0]]), np.array([[14.5, 10.0]]))[0]


@pytest.mark.parametrize("size", [64, 224])
def test_pictures_show_wall_door_and_dot(size):
    frames = Wall().render(np.array([[16.0, 44.0], [48.0, 12.0]]), size)
    assert frames.shape == (2, size, size, 3) and frames.dtype == np.uint8

    def pixel(x, y, frame=0):
        return frames[frame, int((y + 0.5) * size / 65), int((x + 0.5) * size / 65)].tolist()

    assert pixel(32, 10) == pixel(32, 50) == [0, 0, 0]  # wall
    assert pixel(32, 30) == pixel(1, 1) == pixel(50, 50) == [255, 255, 255]  # door, outside, room
    for frame, (x, y) in enumerate([(16, 44), (48, 12)]):
        red, green, blue = pixel(x, y, frame)
        assert red == 255 and green == blue < 30
        assert (frames[frame].reshape(-1, 3) == [255, 0, 0]).all(axis=1).any()
    assert frames.min() == 0 and frames.max() == 255
    np.testing.assert_array_equal(Wall().render(np.array([[48.0, 12.0]]), size)[0], frames[1])


def test_pictures_follow_the_geometry():
    frame = Wall(wall_x=20, door_y=50).render(np.array([[40.0, 12.0]]), 65)[0]
    assert frame[30, 20].tolist() == [0, 0, 0] and frame[50, 20].tolist() == [255, 255, 255]
