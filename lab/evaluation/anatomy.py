"""The anatomy of failure: what a model predicts of its plans, what is true of them, and which of several is chosen.

A plan that misses its goal is

* *stuck* if the predicted loss is above the loss at the success boundary: the search found nothing better;
* *deceived* if the predicted loss is below the boundary and the true loss above: the model is wrong about the plan;
* *metric* if both are below: the loss takes a state for the goal that is none.

All losses here are of the last state, ``||z_H - z_goal||^2``. Dimensions: ``B`` problems, ``K`` starts, ``S`` numbers
of a state.

That looks at one plan, and names no cause: a deceived plan may have been chosen because the search missed a better one.
Why a *problem* was missed is decided by candidates: its own K plans, and plans that are known to be good, such as those
of the same planner with the exact simulator as its model. Let P(a) be the predicted loss of a candidate, L(a) the true
one (of the simulator's last state), and s(a) = 1 if it reaches the goal. The planner executed a plan with s = 0. The
cause is

* *unknown* if no candidate has s(a) = 1: not even the exact simulator led to the goal;
* else *search* if s(argmin P) = 1: the model prefers a good plan, which the search missed;
* else *cost* if s(argmin L) = 0: even the true loss ranks a bad plan before the good ones;
* else *model*: s(argmin L) = 1 and s(argmin P) = 0. The imagined end is not the real one, and that decides.

A better search mends the second, a better loss the third, a better model the fourth.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lab.data import Problems
from lab.errors import LabError, check_seed
from lab.evaluation.simulation import SimulatorDynamics
from lab.evaluation.success import evaluate, goal_distance
from lab.models import Evaluable
from lab.models.protocols import actions_of, blocks_of, see
from lab.planning import OPEN_LOOP, Planner, PlanRequest, no_warm_start
from lab.planning.planner import IterativePlanner
from lab.planning.restarts import from_starts
from lab.planning.streams import first_plan_streams
from lab.tasks.differentiable import differentiable
from lab.tasks.environment import Environment, distances, simulate

KINDS = ("ok", "stuck", "deceived", "metric")  #: of a plan
CAUSES = ("ok", "search", "cost", "model", "unknown")  #: why a problem was missed
WIDTH = 0.2  #: success radii: a pair of states is at the boundary if its distance is within 1 +- this
FEWEST = 10  #: pairs at the boundary


@dataclass(frozen=True)
class Attempts:
    """``K`` plans for each of ``B`` problems: predicted and true loss of the last state, and success (B, K)."""

    predicted: np.ndarray
    true: np.ndarray
    success: np.ndarray
    seconds: float  #: of planning, for all of them

    def first(self, count: int) -> "Attempts":
        """The plans from the first ``count`` starts, with their share of the time."""
        share = self.seconds * count / self.predicted.shape[1]
        return Attempts(self.predicted[:, :count], self.true[:, :count], self.success[:, :count], share)

    def chosen(self, values: np.ndarray) -> np.ndarray:
        """Of ``values`` (B, K), those (B,) of each problem's plan with the least predicted loss."""
        return _where_least(self.predicted, values)

    def kinds(self, boundary: float) -> np.ndarray:
        """What became of each plan (B, K), one of `KINDS`, given the loss at the success boundary."""
        stuck, deceived = self.predicted > boundary, self.true > boundary
        return np.select([self.success, stuck, deceived], ["ok", "stuck", "deceived"], "metric")

    def beside(self, known: "Attempts") -> "Attempts":
        """These plans and those of ``known``, of the same problems, as candidates of one choice."""
        predicted, true, success = (
            np.concatenate([getattr(plans, name) for plans in (self, known)], 1)
            for name in ("predicted", "true", "success")
        )
        return Attempts(predicted, true, success, self.seconds + known.seconds)

    def causes(self, known: "Attempts") -> np.ndarray:
        """Why each problem was missed (B,), one of `CAUSES`, given plans that are ``known`` to be good (see above)."""
        choice = self.beside(known).choice()
        of_cause = [self.chosen(self.success), ~choice["any"], choice["chosen"], ~choice["best"]]
        return np.select(of_cause, ["ok", "unknown", "search", "cost"], "model")

    def choice(self) -> dict[str, np.ndarray]:
        """How well the model chooses among the plans of each problem (B,).

        ``any``: some plan reaches the goal; ``chosen``: the one with the least predicted loss does; ``best``: the one
        with the least true loss does, which bounds what any model can choose by this loss; ``correlation``: Spearman's,
        of predicted and true loss.
        """
        return {
            "any": self.success.max(1),
            "chosen": self.chosen(self.success),
            "best": _where_least(self.true, self.success),
            "correlation": rank_correlation(self.predicted, self.true),
        }


@torch.no_grad()
def attempts(
    model: Evaluable,
    planner: IterativePlanner,
    problems: Problems,
    starts: int = 1,
    *,
    after: Sequence[int] = (),
    proprio: float = 0.0,
    seed: int = 0,
) -> dict[int, Attempts]:
    """Plan from ``starts`` starts for each of ``problems`` and execute all plans, in open loop.

    The plans of one run are taken ``after`` so many iterations and at its end; the result is by iterations. A plan's
    time is its share of the iterations. Random numbers are those of `evaluate` with as many restarts. Raises LabError
    for an environment without ``distance``.
    """
    init = no_warm_start(len(problems), OPEN_LOOP.horizon, model.block_dim)
    streams = first_plan_streams(seed, range(len(problems)))
    z0, objective = see(model, problems.environment, problems.starts), goal_distance(model, problems, proprio)
    request = from_starts(PlanRequest(model, z0, objective, init, streams), starts)
    plans, seconds = _plans(planner, request, after)
    repeated = problems[np.repeat(np.arange(len(problems)), starts)]
    found = {}
    for count, actions in plans.items():
        predicted, true, success = (part.reshape(-1, starts) for part in _worth(model, request, repeated, actions))
        found[count] = Attempts(predicted, true, success, seconds * count / planner.iterations)
    return found


@torch.no_grad()
def judged(model: Evaluable, problems: Problems, actions: np.ndarray, *, proprio: float = 0.0) -> Attempts:
    """Environment ``actions`` (B, T, a) for ``problems``, one plan each: what ``model`` predicts, and what is true.

    Raises LabError for an environment without ``distance``.
    """
    z0, objective = see(model, problems.environment, problems.starts), goal_distance(model, problems, proprio)
    blocks = blocks_of(model, actions)
    request = PlanRequest(model, z0, objective, blocks, range(len(problems)))
    predicted, true, success = (part[:, None] for part in _worth(model, request, problems, blocks))
    return Attempts(predicted, true, success, 0.0)


def known_plans(planner: Planner, problems: Problems, seed: int = 0) -> np.ndarray:
    """Environment actions (B, T, a) that are known to be good, in open loop.

    They are what ``planner`` plans with the exact simulator as its model, whose loss is the distance between states
    (see `SimulatorDynamics`). Where the task has no simulator in torch, they are the expert's; raises LabError where
    there is no expert either.
    """
    if differentiable(problems.environment):
        exact = SimulatorDynamics(problems.environment)
        return exact.denormalise_actions(evaluate(exact, planner, problems, seed=seed).plans[0].actions)
    if problems.expert is None:
        raise LabError("Plans that are known to be good need a simulator in torch, or problems with an expert.")
    return problems.expert


def boundary_loss(
    model: Evaluable, environment: Environment, states: np.ndarray, goals: np.ndarray, proprio: float = 0.0
) -> float:
    """The loss at the success boundary: its median over pairs of ``states`` and ``goals`` (N, S) one radius apart.

    Pairs within 1 +- `WIDTH` success radii count. Raises LabError if they are fewer than `FEWEST`, and for an
    environment without ``distance``.
    """
    near = np.abs(_radii(environment, states, goals) - 1) < WIDTH
    if near.sum() < FEWEST:
        raise LabError(
            f"The loss at the success boundary needs {FEWEST} pairs of states about one success radius apart, got "
            f"{near.sum()} among {len(near)}: give more pairs, or closer ones."
        )
    pairs = Problems(environment, states[near], goals[near])
    z = see(model, environment, pairs.starts)[:, None]
    return float(np.median(goal_distance(model, pairs, proprio)(z, z).numpy(force=True)))


def around_goals(
    model: Evaluable, problems: Problems, count: int = 32, noise: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """States (B * count, S) about the goals of ``problems``, and these goals: pairs for `boundary_loss`.

    The expert's actions lead there, with ``noise`` (in standard deviations of the data's actions) added. Pairs along
    one trajectory would not do: between close states of PushT, only the pusher has moved. Raises LabError for problems
    without an expert, and for a seed that is none.
    """
    check_seed(seed)
    if problems.expert is None:
        raise LabError("States around the goals come from the expert's actions, and these problems have no expert.")
    repeated = problems[np.repeat(np.arange(len(problems)), count)]
    blocks = blocks_of(model, np.repeat(problems.expert, count, axis=0))
    added = np.random.default_rng(seed).normal(0, noise, blocks.shape)
    actions = actions_of(model, blocks + torch.as_tensor(added, dtype=blocks.dtype, device=blocks.device))
    return simulate(problems.environment, repeated.starts, actions)[:, -1], repeated.goals


def rank_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation (B,) of the rows of ``x`` and ``y`` (B, K); 0 where a row does not vary."""
    ranks = [pd.DataFrame(rows).rank(axis=1).to_numpy() for rows in (x, y)]
    x, y = (rows - rows.mean(1, keepdims=True) for rows in ranks)
    spread = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    return np.divide((x * y).sum(1), spread, out=np.zeros(len(x)), where=spread > 0)


def _plans(planner: IterativePlanner, request: PlanRequest, after: Sequence[int]) -> tuple[dict[int, Tensor], float]:
    """The actions after each number of iterations and at the end, from one run, and its seconds."""
    film: dict[int, list[Tensor]] = {}
    last = planner.iterations - 1
    wanted = {i for count in after for i in (count - 1, count)} | {last}

    def keep(i: int, actions: Tensor, loss: Tensor) -> None:
        if i in wanted:
            film.setdefault(i, []).append(actions.clone())

    started = time.perf_counter()
    end = planner.plan(replace(request, callback=keep))
    if end.actions.is_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    ahead = int(
        torch.equal(torch.cat(film[last]), end.actions)
    )  # samplers show the plan after an iteration, not before
    plans = {count: torch.cat(film[count - ahead]) for count in after if count <= last}
    return plans | {planner.iterations: end.actions}, seconds


def _worth(
    model: Evaluable, request: PlanRequest, problems: Problems, actions: Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predicted and true loss of the last state, and success, of ``actions`` (N, H, A) for as many problems."""
    environment = problems.environment
    states = simulate(environment, problems.starts, actions_of(model, actions))[:, -1]
    true = request.objective(see(model, environment, states)[:, None], actions)
    success = _radii(environment, states, problems.goals) < 1
    return request.loss(actions).numpy(force=True), true.numpy(force=True), success


def _where_least(losses: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, losses.argmin(1)[:, None], 1)[:, 0]


def _radii(environment: Environment, states: np.ndarray, goals: np.ndarray) -> np.ndarray:
    found = distances(environment, states, goals)
    if "full" not in found:
        raise LabError(
            f"{type(environment).__name__} has no distance(states, goals), below 1 for success, by which plans are "
            "judged: add one."
        )
    return found["full"]
