"""Rope and Granular: the physics of pushes, the data policy, goals, the Chamfer distance, and worker processes."""

import hashlib
import os
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from lab.errors import LabError
from lab.machine import MACHINE, Machine
from lab.tasks import make_task, workers
from lab.tasks.granular import AREA, SHAPES, Granular
from lab.tasks.particles_render import COLOUR, VIEW
from lab.tasks.pushing import WARM_UP
from lab.tasks.rope import ROD, ROPE_RADIUS, STICK_RADIUS, Rope
from lab.variables import SPINS, use_machine

NAMES = ("rope", "granular")
both = pytest.mark.parametrize("name", NAMES)
seeds = st.integers(0, 2**32 - 1)
anywhere = st.tuples(*[st.floats(-4, 4)] * 4)
finite = st.floats(allow_nan=False, allow_infinity=False)
FAR = np.array([[3.9, 3.9, 3.9, 3.8]])  # a push where nothing is


@pytest.fixture(scope="module")
def data():
    """Episodes (4, 9, S) of each task, with their pushes."""
    return {name: make_task(name).collect(np.random.default_rng(0), 4, 8) for name in NAMES}


def first(name, seed=0, n=1):
    return make_task(name).first_states(np.random.default_rng(seed), n)


def centred(name):
    """A first state in the middle of the table; the rope lies along x."""
    state = first(name)
    task = make_task(name)
    if name == "rope":
        return np.stack([np.linspace(-1.25, 1.25, 21), np.zeros(21)], -1).reshape(1, -1)
    shifted = state.reshape(-1, 3)
    shifted[:, :2] -= task.particles(state)[0].mean(0)
    return shifted.reshape(1, -1)


# --- Physics


def test_the_stick_bends_the_rope_ahead_of_itself():
    before = centred("rope")
    after = Rope().step(before, np.array([[0.0, -2.0, 0.0, 1.0]]))
    nodes = Rope().particles(after)[0]
    middle = nodes[10]
    assert middle[1] == pytest.approx(1.0 + STICK_RADIUS + ROPE_RADIUS, abs=0.05)
    assert nodes[0, 1] < 0.7 > nodes[-1, 1]  # its ends trail behind
    np.testing.assert_allclose(nodes[:, 0], -nodes[::-1, 0], atol=0.1)


def test_the_board_clears_its_way():
    after = Granular().step(centred("granular"), np.array([[0.0, -2.0, 0.0, 0.5]]))
    grains = Granular().particles(after)[0]
    inside = np.abs(grains[:, 0]) < 0.4
    assert (grains[inside, 1] > 0.5).all() and inside.sum() > 20


@both
@given(seed=seeds, action=anywhere)
@settings(max_examples=25, deadline=None)
def test_nothing_tunnels_through_the_pusher(name, seed, action):
    """Where the pusher has gone at full speed, nothing is left in the middle of its way."""
    task = make_task(name)
    push = np.array([action])
    after = task.step(first(name, seed), push)
    start, way = push[0, :2], push[0, 2:] - push[0, :2]
    length = np.hypot(*way)
    if length < 0.5:
        return
    heading = way / length
    offset = task.particles(after)[0] - start
    along, across = offset @ heading, offset @ [heading[1], -heading[0]]
    # Rods are only bound to be clear of the stick's centre line near its end: the rope may close behind it
    behind = (along > length - 0.3) & (along < length) if name == "rope" else (along > 0) & (along < length)
    assert not (behind & (np.abs(across) < task.pusher[1] - 0.08)).any()


@given(seed=seeds, actions=st.lists(anywhere, min_size=1, max_size=4))
@settings(max_examples=15, deadline=None)
def test_the_rope_keeps_its_length(seed, actions):
    states = Rope().simulate(first("rope", seed), np.array([actions]))
    nodes = Rope().particles(states[0])
    np.testing.assert_allclose(np.linalg.norm(np.diff(nodes, axis=1), axis=-1), ROD, atol=1e-9)


@given(seed=seeds, actions=st.lists(anywhere, min_size=1, max_size=4))
@settings(max_examples=15, deadline=None)
def test_grains_stay_grains(seed, actions):
    states = Granular().simulate(first("granular", seed), np.array([actions]))
    for grains in Granular().particles(states[0]):
        gaps, _ = KDTree(grains).query(grains, k=2)
        assert gaps[:, 1].min() > 0.05  # no grain in another: their inner radii add up to more
    angles = states.reshape(-1, 100, 3)[..., 2]
    assert (angles >= 0).all() and (angles < 2 * np.pi).all()


@both
def test_what_was_pushed_is_at_rest(name, data):
    task, (states, _) = make_task(name), data[name]
    again = task.alone(states[:, -1], np.repeat(FAR, len(states), 0))
    assert np.linalg.norm(task.particles(again) - task.particles(states[:, -1]), axis=-1).max() < 0.05


@both
def test_a_push_that_meets_nothing_moves_nothing(name, data):
    states, _ = data[name]
    np.testing.assert_array_equal(make_task(name).step(states[:, -1], np.repeat(FAR, len(states), 0)), states[:, -1])


@both
def test_the_way_left_out_moves_nothing(name):
    """Starting far off is the same as starting just before the first contact."""
    task, state = make_task(name), centred(name)
    far, near = np.array([[0.0, -4.0, 0.0, 0.5]]), np.array([[0.0, -3.0, 0.0, 0.5]])
    np.testing.assert_allclose(task.step(state, far), task.step(state, near), atol=1e-6)


@both
@given(seed=seeds, actions=st.lists(st.tuples(*[finite] * 4), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_no_finite_push_leaves_the_declared_bounds(name, seed, actions):
    task = make_task(name)
    with np.errstate(over="ignore"):
        states = task.simulate(first(name, seed), np.array([actions]))
    assert np.isfinite(states).all()
    assert (states >= np.array(task.state_low)).all() and (states <= np.array(task.state_high)).all()


@both
def test_pushes_beyond_the_table_end_at_its_edge(name):
    task, state = make_task(name), first(name)
    wild, clipped = np.array([[-1e30, 0.1, 9.0, 0.1]]), np.array([[-4.0, 0.1, 4.0, 0.1]])
    np.testing.assert_array_equal(task.step(state, wild), task.step(state, clipped))


@both
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_actions_that_are_not_finite_are_refused(name, bad):
    with pytest.raises(LabError, match=f"{name}: actions must be finite"):
        make_task(name).simulate(first(name), np.array([[[bad, 0, 0, 0]]]))


@both
def test_a_push_without_a_way_presses_aside_what_it_comes_down_on(name):
    after = make_task(name).step(centred(name), np.zeros((1, 4)))
    assert np.isfinite(after).all()
    assert np.linalg.norm(make_task(name).particles(after), axis=-1).min() > 0.05


# --- Replay


@both
def test_rollout_repeats_step_and_replays_the_data(name, data):
    task, (states, actions) = make_task(name), data[name]
    np.testing.assert_array_equal(task.simulate(states[:, 0], actions), states)
    np.testing.assert_array_equal(task.simulate(states[:, 5], actions[:, 5:]), states[:, 5:])
    np.testing.assert_array_equal(task.simulate(states[2:3, 0], actions[2:3])[0], states[2])


@both
def test_step_leaves_its_arguments_alone(name, data):
    states, actions = (array[:, 0].copy() for array in data[name])
    make_task(name).step(states, actions)
    np.testing.assert_array_equal(states, data[name][0][:, 0])
    np.testing.assert_array_equal(actions, data[name][1][:, 0])


@pytest.fixture
def no_workers():
    workers._stop()
    yield
    workers._stop()


@both
def test_worker_processes_give_the_same_numbers(name, monkeypatch, no_workers):
    task, states = make_task(name), first(name, n=9)
    actions = task.random_pushes(states, np.random.default_rng(0))
    results = []
    for processes in (1, 2, 3):
        monkeypatch.setattr(MACHINE, "processes", processes)
        monkeypatch.setattr(workers, "LEAST", 3)
        results.append(task.step(states, actions))
        assert len(workers._pool) == processes - 1
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@both
def test_another_process_gives_the_same_numbers(name, data):
    program = (
        "import hashlib, numpy as np; from lab.tasks import make_task;"
        f"states = make_task('{name}').collect(np.random.default_rng(0), 4, 8)[0];"
        "print(hashlib.sha256(states.tobytes()).hexdigest())"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    ).stdout.strip()
    assert told == hashlib.sha256(data[name][0].tobytes()).hexdigest()


def test_a_worker_that_ends_is_told_and_replaced(monkeypatch, no_workers):
    monkeypatch.setattr(MACHINE, "processes", 2)
    task, states = Rope(), first("rope", n=8)
    actions = task.random_pushes(states, np.random.default_rng(0))
    expected = workers.share_out(task, states, actions)
    monkeypatch.setattr(workers, "_workers", lambda n: [_ended()])
    with pytest.raises(LabError, match=r"LAB_PROCESSES=1 \(in Python: lab.machine.MACHINE.processes = 1\)"):
        workers.share_out(task, states, actions)
    monkeypatch.undo()
    monkeypatch.setattr(MACHINE, "processes", 2)
    np.testing.assert_array_equal(workers.share_out(task, states, actions), expected)


def _ended():
    """A worker that reads its question and dies."""
    program = "import sys, pickle; pickle.load(sys.stdin.buffer)"
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.mark.parametrize("text", ["0", "many", "-1", "1.5", "٣", "9" * 5000, "1025"])
def test_the_number_of_processes_is_checked(text, monkeypatch):
    monkeypatch.setenv("LAB_PROCESSES", text)
    with pytest.raises(LabError, match="LAB_PROCESSES: expected a whole number from 1 to 1024, got"):
        use_machine()


def test_faces_set_the_machine_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("LAB_PROCESSES", "3")
    monkeypatch.setenv("LAB_DINO", str(tmp_path))
    use_machine()
    assert (workers.processes(), MACHINE) == (3, Machine(3, tmp_path))
    monkeypatch.delenv("LAB_PROCESSES")
    monkeypatch.delenv("LAB_DINO")
    use_machine()
    assert Machine() == MACHINE and workers.processes() == os.cpu_count()


def test_threads_that_wait_leave_their_core_unless_one_says_otherwise(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    use_machine()
    assert os.environ["GOMP_SPINCOUNT"] == SPINS
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    use_machine()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, lab.cli; print('torch' in sys.modules)"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert loaded.stdout.strip() == "False", "OpenMP reads it only once, when torch is loaded"


# --- Data, goals, distance


@both
def test_random_pushes_keep_to_the_rules(name, data):
    task, (states, actions) = make_task(name), data[name]
    particles = task.particles(states[:, :-1])
    assert (np.abs(actions) <= 4).all() and (np.abs(actions[..., 2:]) < 1.5).all()
    off_start = np.linalg.norm(particles - actions[..., None, :2], axis=-1).min(-1)
    assert (off_start >= 0.2).all()
    way = actions[..., 2:] - actions[..., :2]
    offset = particles - actions[..., None, :2]
    beside = np.abs(offset[..., 0] * way[..., None, 1] - offset[..., 1] * way[..., None, 0])
    hit = beside / np.linalg.norm(way, axis=-1)[..., None] < 1e-6  # a particle on the line, 1.0 before the end in x
    before_end = np.abs(np.abs(particles[..., 0] - actions[..., None, 2]) - 1.0) < 1e-6
    assert (hit & before_end).any(-1).all()
    moved = task.chamfer(states[:, 1:].reshape(-1, states.shape[-1]), states[:, :-1].reshape(-1, states.shape[-1]))
    assert (moved > 0.01).mean() > 0.9


@both
def test_the_data_follow_from_the_generator_alone(name):
    one, same, other = (make_task(name).collect(np.random.default_rng(seed), 2, 3) for seed in (0, 0, 1))
    for first_run, again, third in zip(one, same, other, strict=True):
        np.testing.assert_array_equal(first_run, again)
        assert not np.array_equal(first_run, third)


def test_rope_goals_are_turned_and_shifted():
    nodes = Rope().particles(Rope().random_goals(np.random.default_rng(0), 500))
    ways = nodes[:, -1] - nodes[:, 0]
    np.testing.assert_allclose(np.linalg.norm(ways, axis=-1), 2.5)
    turned = np.arctan2(ways[:, 1], ways[:, 0]) - np.pi / 2
    assert turned.min() > -1e-9 and turned.max() < np.pi / 2 + 1e-9 and turned.std() == pytest.approx(0.453, abs=0.05)
    assert np.abs(nodes.mean(1)).max() <= 1


def test_grain_goals_are_shrunk_and_shifted():
    grains = Granular().particles(Granular().random_goals(np.random.default_rng(0), 200))
    sides = np.ptp(grains, axis=1) / (AREA**0.5 * 0.9)
    assert sides.min() >= 0.6 - 1e-9 and sides.max() <= 0.9 + 1e-9
    np.testing.assert_allclose(sides[:, 0], sides[:, 1])
    assert np.abs(grains.mean(1)).max() <= 1 + 1e-9


@both
def test_problems_start_off_their_goal_and_after_some_pushes(name):
    task = make_task(name)
    starts, goals = task.sample_problems(np.random.default_rng(0), 6)
    assert task.start_outside_goal(starts, goals).all()
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(
        task.collect(rng, 6, WARM_UP)[0][:, -1], task.random_states(np.random.default_rng(0), 6)[0]
    )


@both
def test_the_chamfer_distance(name, data):
    task, (states, _) = make_task(name), data[name]
    ours = task.chamfer(states[:, 0], states[:, 5])
    for i, value in enumerate(ours):
        here, there = task.particles(states[i, 0]), task.particles(states[i, 5])
        assert value == pytest.approx(KDTree(there).query(here)[0].mean() + KDTree(here).query(there)[0].mean())
    np.testing.assert_allclose(task.chamfer(states[:, 5], states[:, 0]), ours)
    np.testing.assert_array_equal(task.chamfer(states[:, 3], states[:, 3]), 0)
    np.testing.assert_allclose(task.distance(states[:, 0], states[:, 5]), ours / task.radius)
    with pytest.raises(LabError, match="choose one of full"):
        task.distance(states[:, 0], states[:, 5], "block")


def test_a_rope_laid_the_other_way_round_is_the_same_rope(data):
    states = data["rope"][0][:, 4]
    reversed_states = states.reshape(-1, 21, 2)[:, ::-1].reshape(states.shape)
    np.testing.assert_allclose(Rope().chamfer(states, reversed_states), 0, atol=1e-12)


# --- Pictures and Gymnasium


@both
@pytest.mark.parametrize("size", [64, 224])
def test_pictures_show_the_particles_on_a_white_table(name, size):
    state = centred(name)
    frame = make_task(name).render(state, size)
    assert frame.shape == (1, size, size, 3) and frame.dtype == np.uint8
    scale = size / (VIEW[1] - VIEW[0])
    covered = (255.0 - frame[0, ..., 2]).sum() / (255 - COLOUR[2]) / scale**2
    rope = 2.5 * 2 * ROPE_RADIUS + np.pi * ROPE_RADIUS**2
    area = rope if name == "rope" else sum(_area(shape) for shape in SHAPES)
    assert covered == pytest.approx(area, rel=0.04 if size > 64 else 0.2)
    assert (frame[0, 0] == 255).all()


def _area(shape):
    x, y = shape.T
    return abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


@both
def test_a_picture_does_not_depend_on_its_batch(name, data):
    states = data[name][0][:, -1]
    task = make_task(name)
    np.testing.assert_array_equal(task.render(states, 64)[1], task.render(states[1:2], 64)[0])


@both
def test_things_off_the_picture_are_not_drawn(name):
    state = centred(name) + (7.0 if name == "rope" else np.tile([7.0, 7.0, 0.0], 100))
    assert (make_task(name).render(state, 64) == 255).all()


@both
def test_gymnasium_accepts_the_environment(name):
    check_env(gym.make(make_task(name).env_id, render_mode="rgb_array").unwrapped)
