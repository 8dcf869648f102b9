"""The anatomy of failure, on a model and an environment that nobody registered and whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from lab.data import Problems
from lab.errors import LabError
from lab.evaluation.anatomy import (
    KINDS,
    Attempts,
    around_goals,
    attempts,
    boundary_loss,
    judged,
    known_plans,
    rank_correlation,
)
from lab.evaluation.success import evaluate
from lab.planning import CEM, GradientPlanner

SHORT = GradientPlanner("sgd", lr=0.01, iterations=3, noise=0.0, start=0.0)
LONG = GradientPlanner("adam", lr=0.1, iterations=60, noise=0.0, start=0.0)


class Plane:
    """A point moves by its actions. One success radius is 0.5."""

    def simulate(self, starts, actions):
        return np.concatenate([starts[:, None], starts[:, None] + actions.cumsum(1)], 1)

    def observe(self, states):
        return states

    def distance(self, states, goals):
        return np.linalg.norm(states - goals, axis=-1) / 0.5


class Model:
    """It sees the first ``seen`` coordinates, and believes that actions move the point ``belief`` times as far."""

    block_dim = 2

    def __init__(self, belief=1.0, seen=2):
        self.belief, self.seen = belief, seen

    def observe(self, observation):
        return torch.as_tensor(observation[..., : self.seen])

    def rollout(self, z0, actions):
        moves = self.belief * actions[..., : self.seen].cumsum(-2)
        return torch.cat([z0[..., None, :], z0[..., None, :] + moves], -2)

    def normalise_actions(self, actions):
        return torch.as_tensor(actions)

    def denormalise_actions(self, blocks):
        return blocks.numpy().astype(float)


@pytest.fixture(scope="module")
def problems() -> Problems:
    """Goals 2 away, and the straight way there."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * np.pi, 12)
    ways = 2 * np.stack([np.cos(angles), np.sin(angles)], -1)
    starts = rng.normal(size=(12, 2))
    return Problems(Plane(), starts, starts + ways, np.repeat(ways[:, None] / 5, 5, 1))


@pytest.fixture(scope="module")
def boundary(problems) -> float:
    return boundary_loss(Model(), Plane(), *around_goals(Model(), problems))


def test_the_boundary_is_the_loss_one_radius_from_the_goal(boundary):
    assert boundary == pytest.approx(0.5**2 / 2, rel=0.1)  # mean over two coordinates


@pytest.mark.parametrize(
    ("kind", "model", "planner"),
    [
        ("ok", Model(), LONG),
        ("stuck", Model(), SHORT),
        ("deceived", Model(belief=2.0), LONG),
        ("metric", Model(seen=1), LONG),
    ],
)
def test_failures_have_their_cause(kind, model, planner, problems, boundary):
    kinds = attempts(model, planner, problems, 2)[planner.iterations].kinds(boundary)
    missed = np.abs(problems.goals - problems.starts)[:, 1] > 0.6  # by who moves along the first coordinate alone
    assert set(kinds[missed].flat) == {kind} and set(kinds.flat) <= set(KINDS)


@pytest.mark.parametrize("planner", [LONG, CEM(samples=30, elites=5, iterations=9)])
def test_one_run_shows_the_plans_of_shorter_ones(planner, problems):
    found = attempts(Model(), planner, problems, after=(2, 5, planner.iterations), seed=4)
    assert list(found) == [2, 5, planner.iterations]
    for count, plans in found.items():
        outcome = evaluate(Model(), replace(planner, iterations=count), problems, seed=4)
        np.testing.assert_allclose(plans.predicted[:, 0], outcome.plans[0].loss, rtol=1e-6)
        np.testing.assert_array_equal(plans.success[:, 0], outcome.success["full"])
        np.testing.assert_allclose(plans.true, plans.predicted, rtol=1e-5, atol=1e-8)  # of a perfect model
        assert plans.seconds * planner.iterations == pytest.approx(found[planner.iterations].seconds * count)


def test_the_first_starts_are_those_of_restarts(problems):
    every = attempts(Model(), GradientPlanner(iterations=4), problems, 5)[4]
    best = evaluate(Model(), GradientPlanner(iterations=4, restarts=3), problems)
    first = every.first(3)
    np.testing.assert_allclose(first.chosen(first.predicted), best.plans[0].loss, rtol=1e-5)
    assert every.predicted.shape == (12, 5) and first.seconds == pytest.approx(0.6 * every.seconds)


def test_the_choice_among_starts():
    predicted = np.array([[1.0, 2, 3], [1, 2, 3], [3, 2, 1]])
    true = np.array([[1.0, 2, 3], [3, 2, 1], [5, 5, 5]])
    success = np.array([[True, False, False], [False, False, True], [False, False, False]])
    choice = Attempts(predicted, true, success, 1.0).choice()
    assert choice["any"].tolist() == [True, True, False]
    assert choice["chosen"].tolist() == [True, False, False]
    assert choice["best"].tolist() == [True, True, False]
    assert choice["correlation"].tolist() == [1.0, -1.0, 0.0]


@pytest.mark.parametrize(
    ("cause", "own", "known"),  # predicted loss, true loss and success of the chosen plan, and of a known one
    [
        ("ok", (1.0, 1.0, True), (0.0, 0.0, True)),
        ("unknown", (1.0, 1.0, False), (2.0, 2.0, False)),  # nothing is good
        ("unknown", (2.0, 2.0, False), (1.0, 1.0, False)),  # whatever the model prefers
        ("search", (2.0, 2.0, False), (1.0, 0.0, True)),  # the model prefers what was not found
        ("cost", (1.0, 1.0, False), (2.0, 2.0, True)),
        ("model", (1.0, 3.0, False), (2.0, 2.0, True)),
    ],
)
def test_misses_have_their_cause(cause, own, known):
    plans = [Attempts(*(np.array([[value]]) for value in plan), 0.0) for plan in (own, known)]
    assert plans[0].causes(plans[1]).tolist() == [cause]


@pytest.mark.parametrize(
    ("cause", "model", "planner"), [("search", Model(), SHORT), ("model", Model(belief=2.0), LONG)]
)
def test_the_experts_plans_decide_on_causes(cause, model, planner, problems):
    known = judged(model, problems, known_plans(planner, problems))
    assert known.success.all() and known.true.max() < 1e-20
    assert set(attempts(model, planner, problems, 2)[planner.iterations].causes(known)) == {cause}


def test_rank_correlation_is_spearmans_also_with_ties():
    x, y = np.random.default_rng(0).integers(0, 6, (2, 20, 9)).astype(float)
    expected = [spearmanr(*rows).statistic for rows in zip(x, y, strict=True)]
    np.testing.assert_allclose(rank_correlation(x, y), expected)


def test_what_is_missing_is_named(problems):
    class Endless:
        simulate, observe = Plane.simulate, Plane.observe

    without = Problems(Endless(), problems.starts, problems.goals)
    with pytest.raises(LabError, match="Endless has no distance"):
        attempts(Model(), SHORT, without)
    with pytest.raises(LabError, match="need a simulator in torch, or problems with an expert"):
        known_plans(SHORT, without)
    with pytest.raises(LabError, match="these problems have no expert"):
        around_goals(Model(), without)
    with pytest.raises(LabError, match="needs 10 pairs of states about one success radius apart, got 0 among 12"):
        boundary_loss(Model(), Plane(), problems.starts, problems.goals)
