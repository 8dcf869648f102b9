"""An episode is what `evaluate` does, with everything kept that a face shows."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lab.benchmarks import CARDS, card_of
from lab.data import sample_problems
from lab.evaluation.episode import place, run_episode, unfold
from lab.evaluation.gap import data_error
from lab.evaluation.success import evaluate
from lab.planning import CEM, MODES, GradientPlanner
from lab.plots import player
from lab.tasks import make_task

PLANNERS = {
    "gd": GradientPlanner("sgd", lr=1.0, iterations=12),
    "adam": GradientPlanner("adam", lr=0.1, iterations=12),
    "cem": CEM(samples=20, elites=5, iterations=4),
}


@pytest.fixture(scope="module")
def wall(tiny_model):
    return tiny_model("wall"), sample_problems("wall", "dataset", 4)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PLANNERS)
def test_same_plan_as_in_the_batch(wall, name, mode):
    model, problems = wall
    outcome = evaluate(model, PLANNERS[name], problems, mode)
    episode = run_episode(model, PLANNERS[name], problems[2:3], mode, index=2)
    np.testing.assert_allclose(episode.states, outcome.trajectory[2], atol=1e-2)
    assert (episode.reached() is not None) == outcome.success["full"][2]
    assert len(episode.attempts) == len(outcome.plans)
    assert episode.seconds > 0


@pytest.mark.parametrize("task", CARDS)
def test_what_is_imagined_begins_at_the_truth(tiny_model, task):
    episode = run_episode(tiny_model(task), PLANNERS["adam"], sample_problems(task, "dataset", 1), "mpc")
    simulator = make_task(task)
    assert episode.error[0] < 1e-9 and (episode.error[1:] > 0).all()
    np.testing.assert_allclose(episode.imagined_proprio[0], simulator.proprio(episode.start), rtol=1e-4, atol=1e-3)
    assert episode.imagined_frames.shape == (11, 64, 64, 3) and episode.imagined_frames.dtype == np.uint8
    steps = [k * simulator.frameskip for k in range(11)]
    assert list(episode.blocks) == steps and list(episode.ends) == steps[1:]
    assert set(episode.distance) == set(simulator.criteria)
    assert (episode.imagined_distance is None) == (task not in ("wall", "point_maze"))
    if episode.imagined_distance is not None:
        assert episode.imagined_distance[0] == pytest.approx(episode.distance["full"][0], rel=1e-3)


@pytest.mark.parametrize("name", PLANNERS)
def test_snapshots_lead_to_the_plan(wall, name):
    model, problems = wall
    episode = run_episode(model, PLANNERS[name], problems[:1], snapshots=5)
    plan, stages = episode.attempts[0], unfold(model, episode)
    iterations = PLANNERS[name].iterations
    assert len(plan.iterations) <= 5 and plan.iterations[-1] == iterations
    assert (np.diff(plan.iterations) > 0).all() and len(plan.loss) == iterations + 1
    np.testing.assert_allclose(stages.states[-1], episode.states, atol=1e-3)
    np.testing.assert_allclose(stages.imagined_proprio[-1], episode.imagined_proprio, atol=1e-3)
    assert stages.loss[-1] == pytest.approx(plan.loss[-1], rel=1e-3)
    assert stages.distance["full"][-1] == pytest.approx(episode.distance["full"][-1], rel=1e-3)
    if name != "cem":  # its loss is that of the best sample, not of the mean
        np.testing.assert_allclose(stages.loss[:-1], plan.loss[plan.iterations[:-1]], rtol=1e-3)


def test_later_attempts_start_where_the_world_was(wall):
    model, problems = wall
    episode = run_episode(model, PLANNERS["adam"], problems[:1], "mpc")
    stages = unfold(model, episode, 3)
    assert episode.attempts[3].step == 15
    np.testing.assert_array_equal(stages.states[:, 0], np.repeat(episode.states[15][None], len(stages.states), 0))
    np.testing.assert_allclose(stages.states[-1, :6], episode.states[15:21], atol=1e-3)


def test_no_gradient_reaches_the_model(wall):
    model, problems = wall
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    unfold(model, run_episode(model, PLANNERS["adam"], problems[:1]))
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all((tensor == before[name]).all() for name, tensor in model.state_dict().items())


def test_place_leaves_walls_and_stops():
    wall, maze = make_task("wall"), make_task("point_maze")
    inside = place(wall, np.array([10.0, 10.0]), {"x": 31.0})
    assert abs(inside[0] - wall.wall_x) > 3 and inside[1] == 10.0
    moved = place(maze, np.array([0.8, 2.8, 3.0, -2.0]), {"y": 2.7})
    np.testing.assert_allclose(moved, [0.8, 2.7, 0.0, 0.0])
    blocked = place(maze, np.array([1.8, 2.8, 0.0, 0.0]), {"y": 1.0})
    assert blocked[1] > 2.3
    state = np.array([10.0, 10.0])
    assert place(wall, state, {}) is state


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=[pytest.mark.slow] * (task == "granular")) for task in CARDS]
)
def test_lanes_of_the_player(tiny_model, task):
    """All that is drawn is there, is plain JSON, and is placed where the states say."""
    model, problems = tiny_model(task), sample_problems(task, "dataset", 1)
    episode = run_episode(model, PLANNERS["adam"], problems, "mpc", snapshots=4)
    stages = [unfold(model, episode, i) for i in range(len(episode.attempts))]
    world = make_task(task)
    usual = data_error(model, world, *world.collect(np.random.default_rng(0), 3, 10 * world.frameskip)).mean(0)
    lane = json.loads(json.dumps(player.lane(model, episode, stages, usual)))
    scene = json.loads(json.dumps(player.stage(task, problems.starts[0], problems.goals[0])))
    assert [plan["step"] for plan in lane["plans"]] == list(range(0, 10 * world.frameskip, world.frameskip))
    for plan, attempt in zip(lane["plans"], episode.attempts, strict=True):
        assert len(plan["true"]) == len(plan["imagined"]) == len(plan["clock"]) == len(plan["loss"]) == 4
        assert (np.diff(plan["clock"]) >= 0).all() and plan["iterations"] == attempt.iterations.tolist()
    drawn = np.array(lane["states"])
    np.testing.assert_allclose(drawn, episode.states[:, : drawn.shape[1]], atol=0.1)
    np.testing.assert_allclose(lane["usual"], [0, *[usual[0]] * 10], rtol=1e-3)  # imagined anew after each block
    low, high = scene["view"]
    assert low < min(scene["goal"][:2]) and max(scene["goal"][:2]) < high
    followed = [[shape["angle"] for shape in scene["shapes"] if shape["at"] == body["at"]] for body in scene["bodies"]]
    assert followed[:1] in ([], [[None]])
    assert all(any(path) == bool(followed) for plan in lane["plans"] for path in plan["imagined"])
    closed = card_of(task).scene.outline(problems.starts[0])
    assert len(closed) == sum(len(shape["points"]) + 1 for shape in scene["shapes"])


@pytest.mark.parametrize("task", CARDS)
def test_empty_scene_has_nothing_that_moves(task):
    size, world = player.PICTURE, make_task(task)
    picture = np.array(Image.open(io.BytesIO(base64.b64decode(player.empty_scene(task).split(",")[1]))), int)
    drawn = world.render(world.random_states(np.random.default_rng(1), 1)[0], size)[0].astype(int)
    changed = (np.abs(drawn - picture).max(-1) > 30).mean()
    assert 0 < changed < 0.1  # the body itself, and no trace of the nine others


def test_imagined_distance_is_that_of_the_decoded_state(wall):
    model, problems = wall
    episode = run_episode(model, replace(PLANNERS["adam"], iterations=3), problems[:1])
    expected = make_task("wall").distance(episode.imagined_proprio, np.repeat(problems.goals[:1], 6, 0))
    np.testing.assert_allclose(episode.imagined_distance, expected)
