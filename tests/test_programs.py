"""Planning loops in JAX: the plans of torch, for each planner, and a sentence where there is no such loop."""

import importlib.util
from dataclasses import replace

import pytest
import torch

from lab.errors import LabError
from lab.models import ModelSpec, WorldModel
from lab.models.predictor import ResidualMLP
from lab.planning import (
    CEM,
    PLANNERS,
    ActionPrior,
    Compiled,
    GoalDistance,
    GradientPlanner,
    Normal,
    Penalised,
    PlanRequest,
    make_planner,
    no_warm_start,
    on_backend,
)

jax = pytest.importorskip("jax", reason="the extra `jax` is not installed")

COMPILED = [name for name in PLANNERS if name not in ("grasp", "raced")]
SMALL = {"iterations": 4, "samples": 30, "elites": 5, "chunk": 3}
#: each option of each planner, but for those that `SMALL` has
CHANGED = {"bound": 0.8, "steps": 2, "keep": 0.5, "alpha": 0.3, "noise": 0.1, "cooling": 0.5, "temperature": 0.1,
           "restarts": 3, "candidates": 4, "std": 0.7, "start": 0.6, "lr": 0.07, "beta": 1.0, "gamma": 1.5}  # fmt: skip


def small(name: str, **options):
    """The planner called ``name``, with as many of the options as it has."""
    have = make_planner(name).__dataclass_fields__
    return make_planner(name, **{option: value for option, value in (SMALL | options).items() if option in have})


def asked(problems: int = 4, horizon: int = 3, layers: int = 2, **objective) -> PlanRequest:
    """A request for plans through a small model with random weights."""
    torch.manual_seed(0)
    spec = ModelSpec("wall", latent_dim=6, proprio_dim=2, hidden=16, layers=layers)
    model = WorldModel(spec).eval().requires_grad_(False)
    torch.nn.init.normal_(model.predictor.head.weight, std=0.3)
    z0, goal = torch.randn(2, problems, 8).unbind()
    init = no_warm_start(problems, horizon, model.block_dim)
    return PlanRequest(model, z0, GoalDistance(goal, 6, **objective), init, range(problems))


def assert_alike(planner, request: PlanRequest) -> None:
    ours, theirs = planner.plan(request), on_backend(planner, "jax").plan(request)
    for part in ("actions", "loss", "history"):
        torch.testing.assert_close(getattr(theirs, part), getattr(ours, part), rtol=1e-3, atol=1e-4)


@pytest.fixture(autouse=True, scope="module")
def compiled_quickly():
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def test_plans_are_those_of_torch():
    jax.config.update("jax_disable_most_optimizations", False)  # as users have it
    assert_alike(small("cem"), asked())
    jax.config.update("jax_disable_most_optimizations", True)


def test_no_option_is_left_out():
    for name in COMPILED:
        assert set(make_planner(name).__dataclass_fields__) <= {*SMALL, *CHANGED, "optimiser", "race"}


@pytest.mark.parametrize("name", COMPILED)
def test_every_option_counts(name):
    request = asked(proprio=0.5, decay=2)  # a whole number is one like any
    request.init[:, :1] = 0.2  # a warm start of one block
    assert_alike(small(name, **CHANGED), request)


def test_a_whole_warm_start_is_not_screened():
    request = asked()
    request.init[:] = torch.randn(request.init.shape)
    assert_alike(small("adam", candidates=4), request)


def test_problems_are_planned_in_chunks_of_any_size():
    planner = on_backend(small("restarts"), "jax")
    request = asked(problems=5)
    one, other = (replace(planner, planner=replace(planner.planner, chunk=chunk)).plan(request) for chunk in (8, 100))
    torch.testing.assert_close(one.actions, other.actions, rtol=1e-3, atol=1e-4)


def test_what_has_no_loop_in_jax_gets_a_sentence_or_torch():
    class Other(GradientPlanner):
        pass

    racing = "GradientPlanner with a race of its starts"
    for without, named in ((Other(), "Other"), (make_planner("grasp"), "GRASP"), (make_planner("raced"), racing)):
        with pytest.raises(LabError, match=f"JAX has no loop of {named}: choose the backend torch or auto"):
            on_backend(without, "jax")
        assert on_backend(without) is without
    with pytest.raises(LabError, match=r"Unknown backend 'jacks'.*choose one of auto, torch, jax"):
        on_backend(Other(), "jacks")
    request = asked()
    prior = Penalised(request.objective, ActionPrior(torch.zeros(10), torch.eye(10)), 0.1)
    normal = Normal(torch.zeros_like(request.init), torch.ones_like(request.init))
    others = (
        replace(request, objective=prior),
        replace(request, callback=lambda *_: None),
        replace(request, prior=normal),
    )
    for other in others:
        with pytest.raises(LabError, match=r"JAX cannot plan with (the objective Penalised|a callback|a prior)"):
            on_backend(small("adam"), "jax").plan(other)
        plan = on_backend(small("adam"), "auto").plan(other)
        assert torch.equal(plan.actions, small("adam").plan(other).actions)


def test_a_model_of_another_class_is_not_taken_for_ours():
    class Mine(WorldModel):
        def rollout(self, z0, actions):
            return -super().rollout(z0, actions)

    request = asked()
    mine = Mine(request.model.spec)
    mine.load_state_dict(request.model.state_dict())
    other = replace(request, model=mine.eval().requires_grad_(False))
    with pytest.raises(LabError, match="JAX cannot plan with the model Mine"):
        on_backend(small("adam"), "jax").plan(other)
    assert torch.equal(on_backend(small("adam")).plan(other).actions, small("adam").plan(other).actions)


class Negated(ResidualMLP):
    def rollout(self, z0, actions):
        return -super().rollout(z0, actions)


def changed(request: PlanRequest, how: str) -> PlanRequest:
    """The request with something that JAX does not follow."""
    predictor = request.model.predictor
    if how == "subclass":
        request.model.predictor = Negated(8, 10, hidden=16, layers=2).requires_grad_(False)
    elif how == "hook":
        predictor.register_forward_hook(lambda module, given, result: 2 * result)
    elif how == "double":
        request.model.double()
        goal = GoalDistance(request.objective.goal.double(), 6)
        return replace(request, z0=request.z0.double(), objective=goal, init=request.init.double())
    return request


@pytest.mark.parametrize("how", ["subclass", "hook", "double"])
def test_what_jax_does_not_follow_is_planned_by_torch(how):
    request = changed(asked(), how)
    with pytest.raises(LabError, match=r"JAX cannot plan with (the model|a model that has hooks|torch.float64)"):
        on_backend(small("adam"), "jax").plan(request)
    if how != "double":  # torch draws in single precision
        assert torch.equal(on_backend(small("adam")).plan(request).actions, small("adam").plan(request).actions)


def test_sizes_that_are_not_the_models_get_a_sentence():
    request = replace(asked(), init=no_warm_start(4, 3, 7))
    with pytest.raises(LabError, match="states of 8 numbers and actions of 7, which are not the model's"):
        on_backend(small("cem"), "jax").plan(request)
    with pytest.raises(LabError, match=r"rollout fails on z0 .* and actions"):
        on_backend(small("cem")).plan(request)


def test_samples_without_a_loss_are_no_elites():
    request = asked()
    planner = make_planner("cem", samples=60, elites=5, iterations=2, std=3e18)
    assert_alike(planner, request)


def test_a_backend_is_chosen_anew():
    planner = small("cem")
    assert on_backend(on_backend(planner, "jax"), "torch") is planner
    assert on_backend(on_backend(planner, "jax"), "jax") == Compiled(planner, strict=True)
    with pytest.raises(LabError, match="JAX has no loop of str"):
        Compiled("adam")


def test_without_jax_auto_is_torch(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "jax" else find(name, *rest))
    assert type(on_backend(small("cem"), "auto")) is CEM
    with pytest.raises(LabError, match=r"install it with pip install -e '.\[jax\]'"):
        on_backend(small("cem"), "jax")


def test_iterations_are_the_planners():
    assert on_backend(small("cem"), "jax").iterations == 4
    assert isinstance(on_backend(small("cem"), "auto"), Compiled)
