"""Numbers given to the lab may be Python's or NumPy's, of any precision: they do the same, and are stored the same."""

import json
from dataclasses import fields, replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lab.errors import LabError, as_number, is_number, is_whole
from lab.options import changed, completed, plain
from lab.planning import CEM, ICEM, PLANNERS, Adaptation, GoalDistance, GradientPlanner, PlanRequest, make_planner
from lab.planning.options import ABOVE_ZERO, FROM_ZERO, SHARES
from lab.tasks import make_task
from lab.training import LatentData, OnlineConfig, Radii, Schedule, TeacherForcing, fit

REALS = (np.float16, np.float32, np.float64, np.longdouble)
SMALL = {"iterations": 3, "samples": 6, "elites": 2, "restarts": 3, "candidates": 2, "sync": 2, "polish": 1}
GOAL = torch.ones(2, 3)
#: what is made of a number, 0.5 among others
TAKES = {
    "lr of a schedule": lambda x: Schedule(lr=x),
    "weight decay": lambda x: Schedule(weight_decay=x),
    "average": lambda x: Schedule(average=x),
    "latent radius": Radii,
    "radii": lambda x: Radii(x, x, x),
    "share": lambda x: OnlineConfig(share=x),
    "proprio": lambda x: GoalDistance(GOAL, 2, proprio=x),
    "decay": lambda x: GoalDistance(GOAL, 2, decay=x),
    "lr of an adaptation": lambda x: Adaptation(lr=x),
    "alpha": lambda x: ICEM(alpha=x),
    "variation": lambda x: make_task("wall").varied({"stride": x}),
} | {f"{name} of a planner": partial(lambda name, x: ICEM(**{name: x}), name) for name in ("bound", "keep", "beta")}


class Net(nn.Module):
    """z' = z + W a, of 3 latent numbers and blocks of 2."""

    history = 1

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Linear(2, 3)

    def predict(self, z, block):
        return z + self.net(block)

    def rollout(self, z0, actions):
        return torch.cat([z0[..., None, :], z0[..., None, :] + self.net(actions).cumsum(-2)], -2)


@pytest.mark.parametrize("kind", REALS)
@pytest.mark.parametrize("name", TAKES)
def test_a_number_is_pythons_or_numpys(name, kind):
    made, expected = TAKES[name](kind(0.5)), TAKES[name](0.5)
    if name not in ("variation", "proprio", "decay"):  # tasks are no options, and goals are tensors
        assert json.dumps(plain(made)) == json.dumps(plain(expected)) and changed(made) == changed(expected)
        assert completed(json.loads(json.dumps(plain(made))), expected) == plain(expected)
    assert made == expected or name in ("proprio", "decay")
    assert name == "average" or TAKES[name](np.int64(1)) is not None  # an average is below 1


@pytest.mark.parametrize("name", TAKES)
def test_what_is_no_number_is_refused_and_quoted_as_it_came(name):
    for wrong in (np.float32("nan"), np.float16(-1), np.float64("inf"), np.True_, True, "0.5", Fraction(1, 2), [0.5]):
        with pytest.raises(LabError, match="got"):
            TAKES[name](wrong)
    with pytest.raises(LabError, match=r"above 0 as bound, got '0\.5'"):
        CEM(bound="0.5")


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("kind", REALS)
def test_planners_plan_the_same_with_numpys_numbers(planner, kind):
    names = {field.name for field in fields(make_planner(planner))}
    small = {name: count for name, count in SMALL.items() if name in names}
    options = names & {*ABOVE_ZERO, *FROM_ZERO, *SHARES}
    request = PlanRequest(Net(), torch.zeros(2, 3), GoalDistance(GOAL, 3), torch.full((2, 3, 2), torch.nan), [0, 1])
    plans = [
        make_planner(planner, **small, **dict.fromkeys(options, value)).plan(request) for value in (0.5, kind(0.5))
    ]
    assert torch.equal(plans[0].actions, plans[1].actions) and torch.equal(plans[0].history, plans[1].history)


@pytest.mark.parametrize("kind", REALS)
def test_trainings_and_objectives_are_the_same_with_numpys_numbers(kind):
    data = LatentData(torch.randn(3, 11, 3), torch.randn(3, 10, 2), 1)
    trained = [Net(), Net()]
    for model, value in zip(trained, (0.5, kind(0.5)), strict=True):
        schedule = Schedule(3, lr=value, batch=4, weight_decay=value, average=value)
        fit(model, TeacherForcing(data), schedule, progress=False)
    assert torch.equal(trained[0].net.weight, trained[1].net.weight)
    z, objective = torch.randn(2, 4, 3), GoalDistance(GOAL, 2, 0.5, 0.5)
    numpys = replace(objective, proprio=kind(0.5), decay=kind(0.5))
    assert torch.equal(objective(z, z), numpys(z, z))


def test_a_bound_of_float32_is_that_of_its_float():
    """As in ``bound=2 / base.std``, where actions are float32."""
    bound = 2 / np.float32(0.3)
    assert plain(GradientPlanner(bound=bound)) == plain(GradientPlanner(bound=float(bound)))


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.text(), st.none(), st.floats(width=16).map(np.float16)))
def test_a_number_lies_between_its_bounds(value):
    number = as_number(value)
    assert is_number(value) == (number == number) and is_number(value, 0, 1) == (0 <= number <= 1)
    if is_whole(value, -(2**53), 2**53) or type(value) is float:
        assert number == value or value != value


@pytest.mark.parametrize("name", SHARES)
def test_a_share_is_at_most_1(name):
    make = partial(make_planner, "raced" if name == "race" else "icem")
    assert getattr(make(**{name: 1}), name) == 1
    for wrong in (1.01, 5, np.float32(5)):
        with pytest.raises(LabError, match=rf"needs a number from 0 to 1 as {name}, got"):
            make(**{name: wrong})
    assert make_planner("restarts", cooling=3.0).cooling == 3.0  # a factor, which may grow


@pytest.mark.parametrize("kind", REALS)
@pytest.mark.parametrize("value", [0.1, 1e-3, 0.999])
def test_a_number_of_numpys_has_the_identity_of_pythons(kind, value):
    for make in (lambda x: Schedule(lr=x), lambda x: Schedule(average=x), lambda x: OnlineConfig(share=x)):
        assert changed(make(kind(value))) == changed(make(float(kind(value))))
