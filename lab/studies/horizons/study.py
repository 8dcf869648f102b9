"""Longer horizons: plans of 5, 10, 25 and 50 latent steps, open loop, to data-set goals as many steps away.

Goals stand further along held-out trajectories; beyond an episode's 10 latent steps, the data policy runs on. Three
things are measured: what plans reach, how the unrolled gradient changes from block to block, and how far the model is
from the truth at a plan's end. Planners are not tuned alike, see `TUNED`.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lab.evaluation.compare import INTERVALS, average, compare, success_rates
from lab.evaluation.gap import planned_error
from lab.evaluation.success import Outcome, goal_distance
from lab.models.protocols import see
from lab.planning import MPC, PlanRequest, no_warm_start
from lab.planning.differentiate import by_autograd
from lab.planning.streams import generators, normal, problem_streams
from lab.plots.palette import LABELS
from lab.plots.words import counted, percent, points
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.judge import verdict
from lab.studies.common.measure import Case, NamedModel, cases, expert, measure_all, problems_of
from lab.studies.common.protocol import Protocol

NAME = "horizons"
GOALS = "dataset"
HORIZONS = (5, 10, 25, 50)  #: latent steps
#: by model; CEM takes most of the time
GRADIENT_PLANNERS = ("adam", "grasp")
PLANNERS = {
    "base": ("gd", "adam", "restarts", "grasp", "icem", "cem"),
    "control": GRADIENT_PLANNERS,
    "adversarial": GRADIENT_PLANNERS,
}
FINETUNED = [("adversarial", "control"), ("adversarial", "base")]
OPPONENTS = ("adam", "cem")  #: with whom the others are compared
#: how settings were chosen, all on the tune split; told wherever planners are compared
TUNED = (
    "GRASP's settings are the best of 25 at 5 and 10 steps on these base models. Those of Adam with 8 starts were "
    "chosen on these at 5 steps; the others' are version 0.1's, kept unless another was better on these at 5 steps. "
    "For 100 of Adam's gradients, GRASP takes 100 of single steps and 50 of whole plans."
)
#: where gradients are measured: at random actions, such as Adam starts from, and at the expert's, which reach the goal
PLACES = {"start": "random actions", "expert": "the expert's actions"}
MEASURES = ["start", "distance", "error", "loss"]
BY = ["horizon", "model", "planner"]
TIMES = {"success": ["seconds"], "pairs": ["seconds"]}


def run(config: Config) -> Result:
    """Plan over every horizon.

    Tables: ``success`` (rates and seconds), ``ends`` (averages over plans, and over the expert's actions: how far start
    and true end are from the goal in success radii, error of the model at the end, predicted loss), ``differences``
    (paired, in success, between planners on one model), ``finetuned`` (the same between models), ``gradients`` and
    ``growth`` (see `gradient_tables`), and ``pairs`` (a row for each problem).
    """
    started = time.perf_counter()
    models = config.models(tuple(PLANNERS))
    measured, meta = measure_all(config, NAME, list(todo(config, models)), [at_the_end])
    norms = pd.concat([gradient_norms(config, protocol, model) for protocol in protocols(config) for model in models])
    pairs = measured[[*BY, "train_seed", "pair", "success", *MEASURES, "seconds"]]
    return Result(tables(pairs) | gradient_tables(norms), provenance(config, started, TIMES) | meta)


def protocols(config: Config) -> list[Protocol]:
    """One for each horizon."""
    short = config.protocols((GOALS,))[GOALS]
    return [replace(short, n=config.size.far, horizon=horizon) for horizon in HORIZONS]


def todo(config: Config, models: list[NamedModel]) -> Iterator[Case]:
    """For each horizon and model, the expert's actions, then the plans; all are executed in open loop."""
    for protocol in protocols(config):
        mpc = MPC(horizon=protocol.horizon, execute=protocol.horizon, budget=1)
        for model in models:
            yield replace(expert(protocol, *model), mpc=mpc, keep=False)  # quick, because nothing is planned
            for case in cases(config, [protocol], [model], PLANNERS[model[0]]):
                yield replace(case, mpc=mpc)


def at_the_end(case: Case, outcome: Outcome) -> Mapping[str, Any]:
    """The columns ``horizon``, and ``error`` of the model at the end of the plan."""
    return {"horizon": case.protocol.horizon, "error": planned_error(case.model, outcome)[:, -1]}


def tables(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of plans, from a row for each problem."""
    planned = pairs[pairs.planner != "expert"]
    tidy = pairs.melt([*BY, "train_seed", "pair"], MEASURES, "measure")
    by_planner = planned.rename(columns={"planner": "model", "model": "of"})  # because `compare` compares models
    planners = planned.planner.unique()
    against = [
        (ours, theirs) for i, theirs in enumerate(OPPONENTS) for ours in planners if ours not in OPPONENTS[: i + 1]
    ]
    differences = compare(by_planner, "success", ["horizon", "of"], "pair", against)
    seconds = planned.groupby(BY).seconds.mean().reset_index()
    return {
        "success": success_rates(planned, BY).merge(seconds, on=BY),
        "ends": average(tidy, "value", [*BY, "measure"], "pair"),
        "differences": differences.rename(columns={"of": "model"}),
        "finetuned": compare(planned, "success", ["horizon", "planner"], "pair", FINETUNED),
        "pairs": pairs,
    }


# --- Gradients


def gradient_norms(config: Config, protocol: Protocol, named: NamedModel) -> pd.DataFrame:
    """Norms of the planning loss's gradient by each block: a row for each of `PLACES`, problem and block.

    Columns: horizon, model, train_seed, place, pair, block (from 1) and norm.
    """
    name, seed, model = named
    problems = problems_of(protocol)
    assert problems.expert is not None
    z0, streams = see(model, problems.environment, problems.starts), problem_streams(config.seed, range(len(problems)))
    init = no_warm_start(len(problems), protocol.horizon, model.block_dim)
    request = PlanRequest(model, z0, goal_distance(model, problems, **config.objective), init, streams)
    of_expert = model.normalise_actions(problems.expert)
    drawn = normal(generators(streams, z0.device), of_expert.shape[1:])
    parts = []
    for place, actions in zip(PLACES, (drawn, of_expert), strict=True):
        _, gradient = by_autograd(request, actions)
        norms = gradient.norm(dim=-1).numpy(force=True)
        pair, block = np.indices(norms.shape)
        keys = {"horizon": protocol.horizon, "model": name, "train_seed": seed, "place": place}
        parts.append(pd.DataFrame(keys | {"pair": pair.ravel(), "block": block.ravel() + 1, "norm": norms.ravel()}))
    return pd.concat(parts, ignore_index=True)


def gradient_tables(norms: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Geometric means over problems, from the rows of `gradient_norms`.

    ``gradients``: by block, its norm as a multiple of the last block's. ``growth``: the factor by which the norm
    changes from one block to the one before it, on average over a rollout; below 1 the gradient vanishes, above 1 it
    explodes. A norm of 0 counts as 1e-30.
    """
    case = ["horizon", "model", "place"]
    logs = norms.assign(log=np.log10(norms.norm.clip(lower=1e-30)))
    last = logs[logs.block == logs.horizon].set_index([*case, "train_seed", "pair"]).log.rename("last")
    logs = logs.join(last, on=[*case, "train_seed", "pair"])
    logs["relative"] = logs.log - logs["last"]
    first = logs[logs.block == 1]
    growth = first.assign(step=first.relative / (first.horizon - 1))
    return {
        "gradients": _powers(average(logs, "relative", [*case, "block"], "pair")),
        "growth": _powers(average(growth, "step", case, "pair")),
    }


def _powers(table: pd.DataFrame) -> pd.DataFrame:
    """Means of decimal logarithms, and their intervals, as powers of ten."""
    return table.assign(**{column: 10 ** table[column] for column in ["mean", *INTERVALS]})


# --- In words


def sentences(result: Result) -> str:
    """What became of gradients, what survives at each horizon, whether GRASP helps, and whether finetuning does."""
    parts = _of_gradients(result), _of_plans(result), _of_grasp(result), _of_finetuning(result)
    return "\n\n".join("\n".join(part) for part in parts)


def _of_gradients(result: Result) -> Iterator[str]:
    gradients = result.tables["gradients"]
    rows = result.tables["growth"].query("horizon == horizon.max()")
    for row in rows.itertuples():
        at = gradients.query("model == @row.model and horizon == @row.horizon and place == @row.place")
        first = at[at.block == 1]["mean"].iloc[0]
        word = verdict(row.low - 1, row.high - 1, "explodes", "vanishes", "neither explodes nor vanishes")
        where = f"{LABELS[row.model]}, at {PLACES[row.place]}, {row.horizon} steps"
        yield (
            f"{where}: each block back multiplies the gradient's norm by {row.mean:.3f} "
            f"[{row.low:.3f}, {row.high:.3f}] (n = {row.n}), so it {word}: the first block's is {first:.3g} times the "
            "last's."
        )


def _of_plans(result: Result) -> Iterator[str]:
    success, ends = result.tables["success"], result.tables["ends"]
    ends = ends[ends.model == "base"].set_index(["measure", "horizon", "planner"])["mean"]
    for horizon, rows in success[success.model == "base"].groupby("horizon"):
        ranked = rows.sort_values("rate", ascending=False, kind="stable")
        rates = "; ".join(f"{LABELS[row.planner]} {percent(row, unit='%')}" for row in ranked.itertuples())
        away, *errors = (
            ends[measure, horizon, planner]
            for measure, planner in (("start", "expert"), ("error", "expert"), ("error", ranked.planner.iloc[0]))
        )
        yield (
            f"Base, {horizon} steps, goals {away:.1f} success radii away, n = {ranked.n.iloc[0]}: {rates}. The model's "
            f"error at the end is {errors[0]:.2g} on the expert's actions, {errors[1]:.2g} on the plans of the first."
        )


def _of_grasp(result: Result) -> Iterator[str]:
    """For each opponent: at how many horizons GRASP is better, worse or neither, each difference, and the times."""
    rows = result.tables["differences"].query("ours == 'grasp' and model == 'base'")
    seconds = (
        result.tables["success"].query("model == 'base'").pivot(index="horizon", columns="planner", values="seconds")
    )
    for theirs, against in rows.groupby("theirs", sort=False):
        ratio = seconds["grasp"] / seconds[theirs]
        times = ", ".join(f"{times:.1f}" for times in ratio[against.horizon])
        yield f"GRASP minus {LABELS[str(theirs)]}, base, {_by_horizon(against)}; it takes {times} times as long."
    yield TUNED


def _of_finetuning(result: Result) -> Iterator[str]:
    """The same for the adversarial model against control and base, under each planner."""
    for (theirs, planner), rows in result.tables["finetuned"].groupby(["theirs", "planner"], sort=False):
        yield f"Adversarial minus {LABELS[theirs]}, {LABELS[planner]}, {_by_horizon(rows)}."


def _by_horizon(rows: pd.DataFrame) -> str:
    """At how many horizons the difference is better, worse or unclear, and all differences."""
    verdicts = [verdict(row.low, row.high) for row in rows.itertuples()]
    counts = ", ".join(f"{word} at {counted(verdicts.count(word), 'horizon')}" for word in dict.fromkeys(verdicts))
    listed = "; ".join(f"{row.horizon} steps {points(row, 0)}" for row in rows.itertuples())
    return f"n = {rows.n.iloc[0]}: {counts} ({listed})"
