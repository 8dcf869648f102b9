"""Factors of variation: each changes the task, usual values change nothing, and what is none is refused."""

import gymnasium as gym
import numpy as np
import pytest

from lab.benchmarks import CARDS
from lab.errors import LabError
from lab.tasks import TASKS, make_task
from lab.tasks.variation import SEEN
from lab.tasks.wall import Wall

FACTORS = [(name, factor) for name in TASKS.built_in for factor in TASKS[name].factors]


def shown(task) -> list[np.ndarray]:
    """A short trajectory of a varied task, from the start of the usual one, and pictures."""
    usual, rng = make_task(task.name), np.random.default_rng(0)
    steps = 3 if task.slow else 12
    starts, actions = (array[:2] for array in usual.collect(rng, 2, steps))
    drawn, goals = task.sample_problems(np.random.default_rng(1), 2)
    states = task.simulate(starts[:, 0], actions)
    return [states, drawn, goals, task.render(states[:, -1], 32)]


@pytest.fixture(scope="module")
def usual():
    return {name: shown(make_task(name)) for name in TASKS.built_in}


@pytest.mark.parametrize(("name", "factor"), FACTORS)
def test_every_factor_changes_the_task_and_its_usual_value_does_not(name, factor, usual):
    task, about = make_task(name), TASKS[name].factors[factor]
    assert about.low <= about.usual <= about.high and about.usual == getattr(task, factor)
    same, other = (task.varied({factor: value}) for value in (about.usual, CARDS[name].shifts[factor]))
    assert all((a == b).all() for a, b in zip(shown(same), usual[name], strict=True))
    changed = [(a != b).any() for a, b in zip(shown(other), usual[name], strict=True)]
    assert any(changed) and (changed == [False, False, False, True] or factor not in SEEN)
    assert getattr(task, factor) == about.usual  # the task itself is as it was
    assert len({task, other}) == 2 and other.variation == {factor: CARDS[name].shifts[factor]} and not same.variation


def test_every_card_shifts_every_factor_of_its_task():
    for name in TASKS.built_in:
        shifts = CARDS[name].shifts
        assert shifts.keys() == TASKS[name].factors.keys() and len(shifts) in (5, 6, 7)
        make_task(name).varied(shifts)


@pytest.mark.parametrize("factor", TASKS["wall"].factors)
def test_walls_are_equal_where_all_their_factors_are(factor):
    value = CARDS["wall"].shifts[factor]
    usual, one, other = make_task("wall"), *(make_task("wall").varied({factor: value}) for _ in range(2))
    assert one == other != usual and hash(one) == hash(other) != hash(usual)
    assert repr(usual) == "Wall()" and repr(one) == f"Wall({factor}={float(value)!r})"
    assert usual.varied({factor: TASKS["wall"].factors[factor].usual}) == usual


def test_a_picture_varies_once_however_many_classes_draw_on_it():
    class Plain(Wall):
        def render(self, states, size):
            return super().render(states, size)

    class Framed(Plain):
        def render(self, states, size):
            pictures = super().render(states, size).copy()
            pictures[:, 0] = (200, 0, 0)
            return pictures

    variation, states = (
        {"hue": 90, "light": 0.5, "noise": 9},
        make_task("wall").random_states(np.random.default_rng(0), 3)[0],
    )
    once, plain, framed = (task().varied(variation).render(states, 32) for task in (Wall, Plain, Framed))
    assert (plain == once).all() and (framed[:, 1:] == once[:, 1:]).all()
    assert (framed[:, 0] != (200, 0, 0)).any(-1).all()  # the frame varies, too


def test_noise_is_the_same_whenever_a_state_is_seen():
    task = make_task("wall").varied({"noise": 20})
    states, _ = task.random_states(np.random.default_rng(0), 3)
    pictures = task.render(states, 64)
    assert (task.render(states[1:], 64) == pictures[1:]).all()
    assert (pictures[0].astype(float) - pictures[1]).std() > 10 and pictures.dtype == np.uint8


@pytest.mark.parametrize("name", ["wall", "rope"])
def test_gymnasium_resets_to_a_variation_and_back(name):
    env = gym.make(TASKS[name].env_id).unwrapped
    usual, _ = env.reset(seed=3)
    dark, _ = env.reset(seed=3, options={"variation": {"light": 0.5}})
    assert dark["image"].mean() < 0.6 * usual["image"].mean()
    again, _ = env.reset(seed=3)
    assert (again["image"] == usual["image"]).all()


@pytest.mark.parametrize(
    ("variation", "sentence"),
    [
        (
            {"wall": 3},
            r"Unknown factor of wall 'wall' \(did you mean 'wall_x'\?\): choose one of wall_x, door_y,",
        ),
        ({"wall_x": 60}, r"the factor wall_x is a number from 16 to 48 \(px, centre of the wall\), got 60"),
        ({"hue": "red"}, "the factor hue is a number from 0 to 360 .*, got 'red'"),
        ({"noise": float("nan")}, "the factor noise is a number from 0 to 64 .*, got nan"),
        (["hue"], r"a variation is a mapping from factors to numbers, got \['hue'\]"),
    ],
)
def test_what_is_no_variation_is_answered_in_a_sentence(variation, sentence):
    with pytest.raises(LabError, match=sentence):
        make_task("wall").varied(variation)
    with pytest.raises(LabError, match=sentence):
        gym.make("lab/Wall-v0").reset(options={"variation": variation})
