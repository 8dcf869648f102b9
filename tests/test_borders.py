"""What a model, an environment and arrays of somebody else owe, said in a sentence where they first come in."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from stores import small_model
from test_gymnasium_adapter import pendulum
from test_your_own import ADAM, PLAN, Model, Pendulum, collected, new_model, problems_of

from lab.data import Problems, problems_along
from lab.errors import LabError
from lab.evaluation.anatomy import around_goals
from lab.evaluation.drive import begin, drive
from lab.evaluation.gap import data_error, expert_error
from lab.evaluation.success import evaluate
from lab.planning import PLANNERS, make_planner
from lab.tasks.environment import distances
from lab.training.latents import LatentData, encode
from lab.training.online import execute

STATES, ACTIONS = collected()
PROBLEMS = problems_of(STATES, ACTIONS)


def refused(act: Callable[[], Any], said: str) -> None:
    """Whether ``act`` is answered by one sentence that has ``said``."""
    with pytest.raises(LabError, match=said) as refusal:
        act()
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)


# --- Blocks and steps


class Uneven(Model):
    """Its three blocks are as many actions as ``change`` makes of six."""

    def __init__(self, change: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__()
        self.changed = change

    def denormalise_actions(self, blocks):
        return self.changed(super().denormalise_actions(blocks))


def repeated(actions):
    return np.concatenate([actions, actions[..., :1, :]], -2)


UNEVEN = {
    "fewer": lambda actions: actions[..., :-1, :],
    "more": repeated,
    "none": lambda actions: actions[..., :0, :],
    "fewer than blocks": lambda actions: actions[..., :2, :],
    "of other problems": lambda actions: np.concatenate([actions, actions]),
    "flat": lambda actions: actions[..., 0],
    "a number": lambda actions: actions.sum(),
}
PLANNED = torch.zeros(24, 3, 2)
ACTS = {
    "evaluate": lambda model: evaluate(model, ADAM, PROBLEMS, PLAN),
    "online": lambda model: execute(model, Pendulum(), STATES[:, 0], PLANNED),
    "expert": lambda model: expert_error(model, PROBLEMS),
    "data": lambda model: data_error(model, Pendulum(), STATES[:, :7], ACTIONS[:, :6]),
    "around goals": lambda model: around_goals(model, PROBLEMS),
}


@pytest.mark.parametrize("uneven", UNEVEN)
@pytest.mark.parametrize("act", ACTS)
def test_blocks_that_are_no_whole_number_of_steps_each_are_refused(act, uneven):
    said = r"^Uneven.denormalise_actions should return actions \(\.\.\., H \* k, a\), .* got \(.*\) of \(\d+, 3, 2\)"
    refused(lambda: ACTS[act](Uneven(UNEVEN[uneven])), said)


@pytest.mark.parametrize("act", ["expert", "data", "around goals"])
def test_blocks_that_do_not_hold_all_steps_are_refused(act):
    """So that what is imagined and what happened are never compared at different steps."""

    class Forgetful(Model):
        def normalise_actions(self, actions):
            return super().normalise_actions(actions[..., :-2, :])

    refused(lambda: ACTS[act](Forgetful()), r"keep every step of actions \(\d+, 6, 1\), .* \(\d+, 2, 2\) are actions")


@pytest.mark.parametrize("kind", [new_model, small_model])
def test_an_expert_of_no_whole_number_of_blocks_is_refused(kind):
    problems = Problems(Pendulum(), STATES[:, 0], STATES[:, 6], ACTIONS[:, :7])
    model = kind()
    model.observe = new_model().observe
    refused(
        lambda: expert_error(model, problems), r"normalise_actions fails on actions \(24, 7, 1\) \(.*\): give whole"
    )


def test_a_drive_and_the_latents_of_data_ask_for_whole_blocks_too():
    model = Uneven(lambda actions: actions[..., :0, :])
    refused(lambda: encode(model, Pendulum(), STATES, ACTIONS), "Uneven.denormalise_actions should return actions")
    so_far = begin(model, Pendulum(), STATES[0, 0])
    refused(lambda: drive(model, Pendulum(), so_far, np.ones(1)), "Uneven.denormalise_actions should return actions")


def test_actions_may_be_a_tensor():
    model, tensors = new_model(), new_model()
    tensors.denormalise_actions = lambda blocks: blocks.double().flatten(-2).unsqueeze(-1)
    first, second = (evaluate(each, ADAM, PROBLEMS, PLAN).trajectory for each in (model, tensors))
    np.testing.assert_array_equal(first, second)


# --- Distances

DISTANCES = {
    "a column": (lambda d: d[:, None], r"shape \(24, 1\)"),
    "a matrix": (lambda d: d[:, None] - d, r"shape \(24, 24\)"),
    "a number": (lambda d: d.mean(), r"shape \(\)"),
    "too few": (lambda d: d[1:], r"shape \(23,\)"),
    "nothing": (lambda d: None, "NoneType"),
    "words": (lambda d: ["near"] * len(d), "list"),
    "NaN": (lambda d: np.where(np.arange(len(d)) == 3, np.nan, d), "NaN"),
}


def measuring(change: Callable[[np.ndarray], Any], **attributes: Any) -> Pendulum:
    """An environment whose distances are changed."""
    kind = type("Mine", (Pendulum,), {"distance": lambda self, *of: change(Pendulum().distance(*of[:2])), **attributes})
    return kind()


@pytest.mark.parametrize("named", [{}, {"criteria": ("full", "other")}])
@pytest.mark.parametrize("kind", DISTANCES)
def test_distances_that_are_none_are_refused(kind, named):
    change, got = DISTANCES[kind]
    environment = measuring(change, **named)
    said = rf"^Mine.distance should return the distances \(B,\) of B = 24 states .*, got {got}\."
    refused(lambda: distances(environment, STATES[:, 0], STATES[:, 6]), said)
    problems = Problems(environment, STATES[:, 0], STATES[:, 6])
    refused(lambda: evaluate(new_model(), ADAM, problems, PLAN).success, said)


@pytest.mark.parametrize(
    "change",
    [list, np.float32, torch.from_numpy, lambda d: d.round().astype(int), lambda d: np.where(d > 1, np.inf, d)],
)
def test_distances_may_be_any_numbers(change):
    """An infinite one is of a goal that cannot be reached."""
    found = distances(measuring(change), STATES[:, 0], STATES[:, 6])["full"]
    np.testing.assert_array_equal(found, change(Pendulum().distance(STATES[:, 0], STATES[:, 6])))


# --- Arrays

#: by what is wrong with them, trajectories that are none
TRAJECTORIES = {
    "actions of fewer steps": (STATES, ACTIONS[:, :-1]),
    "states of fewer steps": (STATES[:, :-1], ACTIONS),
    "fewer actions": (STATES, ACTIONS[:-1]),
    "fewer states": (STATES[:-1], ACTIONS),
    "no episode": (STATES[:0], ACTIONS[:0]),
    "one episode": (STATES[0], ACTIONS[0]),
    "ragged": ([[[0.0, 0.0]], [[0.0]]], ACTIONS),
    "words": (STATES, np.full(ACTIONS.shape, "left")),
    "nothing": (None, ACTIONS),
    "NaN in states": (np.where(STATES > 1, np.nan, STATES), ACTIONS),
    "NaN in actions": (STATES, np.where(ACTIONS > 0.5, np.nan, ACTIONS)),
    "infinity": (STATES, np.where(ACTIONS > 0.5, np.inf, ACTIONS)),
}
#: lists and tensors are as good as arrays
KINDS: dict[str, Callable] = {"lists": np.ndarray.tolist, "tensors": torch.from_numpy, "single": np.float32}


def latents(states: Any, actions: Any) -> LatentData:
    return encode(new_model(), Pendulum(), states, actions, progress=False)


def along(states: Any, actions: Any) -> Problems:
    return problems_along(Pendulum(), states, actions, n=3, steps=4)


@pytest.mark.parametrize("use", [latents, along])
@pytest.mark.parametrize("kind", TRAJECTORIES)
def test_trajectories_that_are_none_are_refused(kind, use):
    finite = "NaN" in kind or kind == "infinity"
    said = r"^The .* of trajectories must be finite" if finite else r"^Trajectories are states \(N, T \+ 1, S\) and "
    refused(lambda: use(*TRAJECTORIES[kind]), said + ".*, got ")


@pytest.mark.parametrize("kind", KINDS)
def test_lists_and_tensors_are_as_good_as_arrays(kind):
    states, actions = KINDS[kind](STATES), KINDS[kind](ACTIONS)
    same = {"lists": np.float64, "tensors": np.float64, "single": np.float32}[kind]
    found, expected = latents(states, actions), latents(same(STATES), same(ACTIONS))
    assert torch.equal(found.z, expected.z) and torch.equal(found.actions, expected.actions)
    problems = along(states, actions)
    again = Problems(Pendulum(), *map(KINDS[kind], (problems.starts, problems.goals, problems.expert)))
    for given in (problems, again):
        for name in ("starts", "goals", "expert"):
            np.testing.assert_array_equal(getattr(given, name), getattr(along(same(STATES), same(ACTIONS)), name))
            assert getattr(given, name).dtype == same
    assert evaluate(new_model(), ADAM, problems[:2], PLAN).success["full"].shape == (2,)


@pytest.mark.parametrize(
    "parts",
    [
        (None, STATES[:, 6]),
        (STATES[:, 0], [[0.0, 1.0], [0.0]]),
        (STATES[:, 0], "far"),
        (STATES[:, 0], STATES[:, 6], "far"),
        (STATES[:, 0].tolist(), STATES[:5, 6].tolist()),
        (torch.zeros(2, 2, requires_grad=True), torch.zeros(2, 2)),
    ],
)
def test_problems_of_what_is_no_array_are_refused(parts):
    refused(lambda: Problems(Pendulum(), *parts), r"(one shape \(n, S\)|must be \(n, T, a\)).*, got ")


# --- No problem at all


@pytest.mark.parametrize("planner", PLANNERS)
def test_an_evaluation_of_no_problem_is_refused(planner):
    refused(lambda: evaluate(new_model(), make_planner(planner), PROBLEMS[:0], PLAN), "no problem to plan for")


# --- Another environment than the model's


def test_a_model_of_pictures_is_not_evaluated_without_them():
    said = r"^A world model of wall sees pictures and proprioception, .* got shape \(2, 3\): take an environment of "
    for blind in (pendulum(), Pendulum()):
        problems = Problems(blind, np.zeros((2, 2)), np.zeros((2, 2)))
        refused(lambda problems=problems: evaluate(small_model(), ADAM, problems, PLAN), said)
