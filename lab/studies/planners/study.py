"""Every planner on every model: success, time, memory and model steps (data-set goals, open loop).

Besides `PLANNERS` there are five `VARIANTS`: Adam and CEM whose actions are clipped, as those of Adam from several
starts are; the initialisation network alone, Adam started from the network, and Adam kept near the data's actions by
the action prior.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from lab.data import HORIZON, DataSpec
from lab.data.dataset import collect_states
from lab.evaluation.compare import compare, paired, success_rates
from lab.evaluation.success import Outcome, goal_distance
from lab.files import MODELS
from lab.models import WorldModel
from lab.models.protocols import see
from lab.planning import (
    PLANNERS,
    ActionPrior,
    GradientPlanner,
    Initialised,
    Plan,
    Planner,
    PlanRequest,
    Regularised,
    no_warm_start,
    shortened,
)
from lab.planning.catalog import RESTARTS
from lab.plots.palette import LABELS
from lab.plots.words import points
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.judge import verdict
from lab.studies.common.measure import Case, cases, measure_all
from lab.studies.fig3_efficiency.study import one_thread
from lab.studies.planners.memory import PeakMemory
from lab.tasks import make_task
from lab.training.initialisation import initialisation_of

NAME = "planners"
GOALS = "dataset"
VARIANTS = ("adam+bound", "cem+bound", "network", "network+adam", "prior")
ALL = (*PLANNERS, *VARIANTS)
#: of one plan: model steps (rows times latent steps), how many of these are differentiated, seconds, MiB of tensors
COSTS = ["steps", "gradient_steps", "seconds", "memory"]
TIMES = {"planners": ["seconds"]}
PRIOR_EPISODES = 200
KEYS = ["model", "train_seed", "planner"]


@one_thread()
def run(config: Config) -> Result:
    """Measure every planner on every model.

    Tables: ``planners`` (averaged over seeds), ``differences`` (paired, to CEM on the same model) and ``pairs`` (a row
    for each problem).
    """
    started = time.perf_counter()
    config.train_networks()
    measured, meta = measure_all(config, NAME, todo(config), [partial(_costs, config)])
    pairs = measured[[*KEYS, "pair", "success", "loss", *COSTS]]
    return Result(tables(pairs), provenance(config, started, TIMES) | meta | {"prior": config.card.settings.prior})


def todo(config: Config) -> list[Case]:
    """Every planner, counting its model steps, on every model.

    The variants may also depend on a network or on data, so that their results are not stored.
    """

    def counted_planner(name: str, mode: str, model: WorldModel) -> Planner:
        return _Counted(planner_of(config, name, model))

    protocols = config.protocols((GOALS,)).values()
    all_cases = cases(config, protocols, config.models(MODELS), ALL, planner_of=counted_planner)
    return [replace(case, keep=case.planner_name not in VARIANTS) for case in all_cases]


def planner_of(config: Config, name: str, model: WorldModel) -> Planner:
    """The planner called ``name``, one of `ALL`, as tuned for the task; shortened at preset smoke."""
    if name in PLANNERS:
        return config.planner(name)
    if name.endswith("+bound"):
        unbounded: Any = config.planner(name.removesuffix("+bound"))
        return replace(unbounded, bound=RESTARTS["bound"])
    adam = config.planner("adam")
    if name == "prior":
        return Regularised(adam, action_prior(model), config.card.settings.prior)
    propose = initialisation_of(model, config.preset).propose
    return Initialised(propose, adam if name == "network+adam" else None)


def action_prior(model: WorldModel) -> ActionPrior:
    """The action prior, fitted to the standardised blocks of the task's training data."""
    actions = collect_states(DataSpec(model.spec.task, "train", PRIOR_EPISODES, pixels=False)).actions
    return ActionPrior.fit(model.normalise_actions(actions).flatten(0, 1))


def tables(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of `run`, from a row for each problem."""
    by = ["model", "planner"]
    costs = pairs.groupby(by, sort=False)[COSTS].mean().reset_index()
    against_cem = [(planner, "cem") for planner in pairs.planner.unique() if planner != "cem"]
    exchanged = pairs.rename(columns={"planner": "model", "model": "planner"})  # because `compare` compares models
    differences = compare(exchanged, "success", ["planner"], "pair", against_cem)
    return {
        "planners": success_rates(pairs, by).merge(costs, on=by),
        "differences": differences.rename(columns={"planner": "model"}),
        "pairs": pairs.drop(columns=COSTS),
    }


def _costs(config: Config, case: Case, outcome: Outcome) -> dict[str, float]:
    """The costs of one plan, without its seconds."""
    assert isinstance(case.planner, _Counted)
    n, calls = len(outcome.trajectory), case.planner.calls
    memory = peak_memory(config, case.planner.planner, case.model)
    return {"steps": calls.steps / n, "gradient_steps": calls.gradient_steps / n, "memory": memory}


def peak_memory(config: Config, planner: Planner, model: WorldModel) -> float:
    """MiB of tensors alive at once while ``planner`` makes one plan alone; two iterations show the peak."""
    problem = config.protocols((GOALS,))[GOALS].problems()[:1]
    z0, objective = see(model, problem.environment, problem.starts), goal_distance(model, problem, **config.objective)
    if hasattr(planner, "iterations"):
        planner = shortened(planner, iterations=2)
    with PeakMemory() as memory:
        planner.plan(PlanRequest(model, z0, objective, no_warm_start(1, HORIZON, model.block_dim), [config.seed]))
    return memory.peak / 2**20


# --- Counting


@dataclass
class _Calls:
    steps: int = 0
    gradient_steps: int = 0


@dataclass
class _Counted:
    """A planner that counts the model steps of its plans."""

    planner: Planner
    calls: _Calls = field(default_factory=_Calls)

    def plan(self, request: PlanRequest) -> Plan:
        return self.planner.plan(replace(request, model=_CountedModel(request.model.rollout, self.calls)))


@dataclass
class _CountedModel:
    forward: Callable[[Tensor, Tensor], Tensor]
    calls: _Calls

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        steps = actions.numel() // actions.shape[-1]
        self.calls.steps += steps
        if torch.is_grad_enabled() and actions.requires_grad:
            self.calls.gradient_steps += steps
        return self.forward(z0, actions)


def try_restarts(config: Config, name: str, starts: int) -> pd.DataFrame:
    """Adam with ``starts`` random starts on the model called ``name``, a row for each problem.

    Columns: ``loss``, as the model predicts it, and ``distance`` of the true end from the goal in success radii.
    """
    problems = config.protocols((GOALS,))[GOALS].problems()
    adam = config.planner("adam")
    assert isinstance(adam, GradientPlanner)
    model = config.model(name, config.size.seeds[0])
    outcome = config.evaluate(model, replace(adam, restarts=starts), problems)
    distance = make_task(config.task).distance(outcome.trajectory[:, -1], problems.goals)
    return pd.DataFrame({"loss": outcome.plans[0].loss.numpy(force=True), "distance": distance})


def sentences(result: Result, models: Sequence[str] = ("base", "adversarial")) -> str:
    """A line for each planner: its difference in success to CEM on the same model; then what bounds change."""
    rows = result.tables["differences"].query("model in @models")
    lines = [f"{row.model}, {row.ours}: {_words_of(row)}" for row in rows.itertuples()]
    return "\n".join([*lines, *bounds(result, models)])


def bounds(result: Result, models: Sequence[str]) -> Iterator[str]:
    """A line for each planner that is there with bounded actions and without."""
    pairs = result.tables["pairs"]
    names = [name for name in VARIANTS if name.endswith("+bound")]
    for model, bounded in itertools.product(models, names):
        rows = pairs[pairs.model == model]
        ours, theirs = (rows[rows.planner == name] for name in (bounded, bounded.removesuffix("+bound")))
        if len(ours) and len(theirs):
            yield f"{model}, {LABELS[bounded]} minus unbounded: {_words_of(paired(ours, theirs, 'success', 'pair'))}"


def _words_of(row: Any) -> str:
    return f"{points(row, 0)}, n = {row.n}: {verdict(row.low, row.high)}"
