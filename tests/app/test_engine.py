"""Planning in the browser, held to the library's: world models, gradients, plans, simulators and encoders.

Predictors in the file are rounded to 16 bits. What the browser computes with them is compared with the library's
predictor of the same rounded weights, both in double precision; what the rounding does is measured by itself.
"""

import base64
import copy

import numpy as np
import pytest
import torch

from lab.benchmarks import card_of
from lab.data import HORIZON, sample_problems
from lab.errors import LabError
from lab.evaluation.success import evaluate
from lab.files import MODELS, model_folder
from lab.models import load_model
from lab.models.protocols import see
from lab.planning import GoalDistance, GradientPlanner, PlanRequest
from lab.planning.differentiate import by_autograd
from lab.tasks import make_task
from lab.web.pack import WORLDS, pack

CASES = 100
STEPS = 8  #: of Adam, as in the page's script

#: ``ask(cases, "(task, {z0, plan}) => …")`` in the page
ASK = """async ([cases, source]) => {
  const answer = eval(source);
  return cases.map(given => answer(window.task, given, window.engine));
}"""


@pytest.fixture(scope="module")
def models():
    """The shipped world models of a task, by name, with the weights of the file."""

    def rounded(task: str) -> dict:
        found = {name: load_model(model_folder(task, name)) for name in MODELS}
        for model in found.values():
            model.predictor.half().float()
        return found

    return {task: rounded(task) for task in WORLDS}


@pytest.fixture(scope="module", params=WORLDS)
def ask(request, browser, site, models):
    """``ask(cases, source)``: what the page's function ``source`` of (task, case, engine) makes of each case."""
    page = browser.new_page()
    page.goto(site)
    page.evaluate(
        """async data => {
          window.engine = await import('./engine.js');
          const { Task } = await import('./task.js');
          const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
          window.task = new Task(engine.unpack(bytes.buffer));
        }""",
        base64.b64encode(pack(request.param, models[request.param])).decode(),
    )

    def answers(cases: list[dict], source: str) -> list:
        return page.evaluate(ASK, [cases, source])

    answers.task = request.param
    yield answers
    page.close()


def cases(ask, model, seed: int = 0) -> tuple[list[dict], torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random starts z0, goals and plans, for the page and as tensors; the library's are in double precision."""
    rng = torch.Generator().manual_seed(seed)
    z0, goal = (torch.randn(CASES, model.latent_dim + model.spec.proprio_dim, generator=rng).double() for _ in "ab")
    plans = torch.randn(CASES, HORIZON, model.block_dim, generator=rng).double()
    given = [
        {"z0": a.tolist(), "goal": b.tolist(), "plan": c.tolist()} for a, b, c in zip(z0, goal, plans, strict=True)
    ]
    return given, z0, goal, plans


@pytest.mark.parametrize("name", MODELS)
def test_rollouts(ask, models, name):
    model = copy.deepcopy(models[ask.task][name]).double()
    given, z0, _, plans = cases(ask, model)
    imagined = ask(given, f"(task, {{z0, plan}}) => task.predictors.{name}.rollout(z0, plan).map(z => [...z])")
    np.testing.assert_allclose(imagined, model.rollout(z0, plans), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("proprio", "decay"), [(0.0, None), (0.3, None), (0.1, 0.5)])
def test_losses_and_gradients(ask, models, proprio, decay):
    model = copy.deepcopy(models[ask.task]["base"]).double()
    given, z0, goal, plans = cases(ask, model)
    objective = GoalDistance(goal, model.latent_dim, proprio, decay)
    request = PlanRequest(model, z0, objective, plans, range(CASES))
    loss, gradient = by_autograd(request, plans)
    found = ask(
        [case | {"weights": {"latent": model.latent_dim, "proprio": proprio, "decay": decay}} for case in given],
        """(task, {z0, goal, plan, weights}, {GoalDistance, differentiate}) => {
          const { loss, gradient } = differentiate(task.predictors.base, new GoalDistance(goal, weights), z0, plan);
          return { loss, gradient: gradient.map(block => [...block]) };
        }""",
    )
    np.testing.assert_allclose([case["loss"] for case in found], loss, rtol=1e-9)
    np.testing.assert_allclose([case["gradient"] for case in found], gradient, rtol=1e-6, atol=1e-9)


def test_plans_from_the_same_start(ask, models):
    model = copy.deepcopy(models[ask.task]["base"]).double()
    given, z0, goal, plans = cases(ask, model)
    planner = GradientPlanner("adam", lr=0.1, iterations=STEPS, noise=0.0, bound=1.5, cooling=0.2)
    expected = planner.plan(PlanRequest(model, z0, GoalDistance(goal, model.latent_dim), plans, range(CASES)))
    found = ask(
        given,
        """(task, {z0, goal, plan}, {GoalDistance, Adam}) => {
          const objective = new GoalDistance(goal, task.about.objective);
          const options = { lr: 0.1, noise: 0, bound: 1.5, cooling: 0.2, iterations: 8 };
          const adam = new Adam(task.predictors.base, objective, z0, plan, options);
          for (let i = 0; i < 8; i++) adam.step();
          return { plan: adam.plan, loss: adam.now().loss };
        }""",
    )
    np.testing.assert_allclose([case["plan"] for case in found], expected.actions, atol=1e-6)
    np.testing.assert_allclose([case["loss"] for case in found], expected.loss, rtol=1e-6)


def test_simulators(ask):
    """Moves of every length, from states everywhere: all kinds of contact occur among them."""
    task, rng = make_task(ask.task), np.random.default_rng(0)
    starts = task.random_states(rng, CASES)[0]
    actions = rng.normal(size=(CASES, 50, task.action_dim)) * 10 ** rng.uniform(-1, 1.5, (CASES, 1, 1))
    given = [{"state": a.tolist(), "actions": b.tolist()} for a, b in zip(starts, actions, strict=True)]
    steps = "(task, {state, actions}) => actions.map(action => state = task.world.step(state, action))"
    np.testing.assert_allclose(ask(given, steps), task.simulate(starts, actions)[:, 1:], rtol=0, atol=1e-9)


def test_what_the_models_see(ask, models):
    task, model = make_task(ask.task), models[ask.task]["base"]
    states = task.random_states(np.random.default_rng(1), CASES)[0]
    given = [{"state": state.tolist()} for state in states]
    drawn = ask(given, "(task, {state}) => btoa(String.fromCharCode(...task.world.render(state)))")
    pixels = np.stack([np.frombuffer(base64.b64decode(text), np.uint8) for text in drawn]).reshape(CASES, 64, 64, 3)
    off = np.abs(pixels.astype(int) - task.render(states, 64))
    assert off.max() <= 1 and (off > 0).mean() < 1e-4  # the library draws in single precision
    seen = ask(given, "(task, {state}) => [...task.eye.see(state)]")
    np.testing.assert_allclose(seen, see(model, task, states), atol=2e-3)


def test_actions_and_what_is_dreamt(ask, models):
    model = models[ask.task]["base"]
    given, z0, _, plans = cases(ask, model)
    actions = ask(given, "(task, {plan}) => plan.map(block => task.actions(block))")
    expected = model.denormalise_actions(plans.float())
    np.testing.assert_allclose(np.reshape(actions, expected.shape), expected, rtol=1e-5, atol=1e-6)
    sensed = ask(given, "(task, {z0}) => task.eye.sensed(z0)")
    np.testing.assert_allclose(sensed, model.decode_proprio(z0.float()), rtol=1e-5, atol=1e-5)


def test_problems_and_first_starts_are_those_of_the_library(ask, models):
    model, card = models[ask.task]["base"], card_of(ask.task)
    for goals in card.goals:
        problems = sample_problems(ask.task, goals, 50)
        given = [{"goals": goals, "number": number} for number in range(50)]
        found = ask(given, "(task, {goals, number}) => task.problem(goals, number)")
        np.testing.assert_array_equal([case["start"] for case in found], problems.starts)
        np.testing.assert_array_equal([case["goal"] for case in found], problems.goals)
    begun = evaluate(model, GradientPlanner("sgd", lr=1e-12, iterations=1, noise=0.0), problems[:3], first=7)
    found = ask([{"number": number} for number in (7, 8, 9)], "(task, {number}) => task.begun(number, 2, 0)[0]")
    np.testing.assert_allclose(found, begun.plans[0].actions, atol=1e-6)


def test_rounding_changes_little(models):
    """Of weights to 16 bits: rollouts of five blocks move by less than a hundredth of a standard deviation."""
    for task in WORLDS:
        for name in MODELS:
            exact, rounded = load_model(model_folder(task, name)), models[task][name]
            rng = torch.Generator().manual_seed(0)
            z0 = see(exact, make_task(task), make_task(task).random_states(np.random.default_rng(0), CASES)[0])
            plans = torch.randn(CASES, HORIZON, exact.block_dim, generator=rng)
            moved = (exact.rollout(z0, plans) - rounded.rollout(z0, plans)).square().mean().sqrt()
            assert moved < 0.01, (task, name)


def test_what_a_browser_cannot_run_is_refused(tiny_model):
    with pytest.raises(LabError, match="A browser simulates wall and point_maze only, got push_t"):
        pack("push_t", {"base": tiny_model("push_t")})
    with pytest.raises(LabError, match="pyramid encoder"):
        pack("wall", {"base": tiny_model("push_t")})
