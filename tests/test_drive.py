"""A drive moves both worlds by the same actions, and lets the model see nothing but the start."""

import numpy as np
import pytest
import torch

from lab.benchmarks import CARDS, card_of
from lab.data import Problems, sample_problems
from lab.evaluation.drive import begin, drive
from lab.evaluation.gap import data_error, executed_error
from lab.models.protocols import see
from lab.plots.player import drive_data
from lab.tasks import make_task

RIGHT, DOWN = np.array([1.0, 0.0]), np.array([0.0, 1.0])


@pytest.mark.parametrize("task", [task for task, card in CARDS.items() if card.scene.bodies])
def test_the_same_as_one_rollout(tiny_model, task):
    model, world, problems = tiny_model(task), make_task(task), sample_problems(task, "dataset", 1)
    start = problems.starts[0]
    driven = begin(model, world, start)
    for direction in (RIGHT, DOWN, DOWN):
        driven = drive(model, world, driven, direction, 0.5)
    steps = np.repeat([RIGHT, DOWN, DOWN], world.frameskip, axis=0) * 0.5 * np.sqrt(2)
    blocks = torch.as_tensor(steps, dtype=torch.float32).view(1, 3, -1)
    z0 = see(model, world, problems.starts)
    np.testing.assert_allclose(driven.dream, model.rollout(z0, blocks)[0], atol=1e-5)
    np.testing.assert_allclose(driven.error[1:], executed_error(model, problems, blocks)[0], rtol=1e-3)
    true = world.simulate(start[None], model.denormalise_actions(blocks))[0]
    np.testing.assert_allclose(driven.states, true, atol=1e-9)
    assert driven.error[0] == 0


def test_what_is_shown(tiny_model):
    model, start = tiny_model("wall"), sample_problems("wall", "dataset", 1).starts[0]
    world = make_task("wall")
    driven = drive(model, world, begin(model, world, start), RIGHT)
    data = drive_data("wall", model, driven, [0.5])
    assert len(data["states"]) == 6 and len(data["ghost"]) == 2 and data["block"] == 5
    apart = np.linalg.norm(np.array(data["ghost"][1]) - data["states"][-1]) / card_of("wall").scene.radius
    assert data["separation"][1] == pytest.approx(apart, abs=0.01) and data["separation"][0] < 0.01


def test_the_usual_error_is_that_of_the_data(tiny_model):
    model, task = tiny_model("wall"), make_task("wall")
    states, actions = task.collect(np.random.default_rng(0), 3, 15)
    expected = executed_error(model, Problems(task, states[:, 0], states[:, -1]), model.normalise_actions(actions))
    np.testing.assert_allclose(data_error(model, task, states, actions), expected, rtol=1e-4)
