"""A prior that knows start and goal (after PRISM, arXiv 2606.07974): what it buys CEM, MPPI and Adam, open loop.

Each planner begins three ways: by itself, with the state prior (see `lab.planning.Informed`), and, where it descends
from one start, with the prior as a regulariser, too. Its iterations are cut short to see what the prior saves. A
fourth way begins by itself, and keeps plans consistent with the same network's inverse dynamics (after ACID,
`lab.planning.Consistency`).

Both penalties have the weight that the card gives the pull: they are squared distances in the network's standard
deviations, 1 on average over the data if these are right.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from lab.evaluation.compare import DIFFERENCE, average, compare, paired, success_rates
from lab.evaluation.success import Outcome
from lab.models import WorldModel
from lab.models.checkpoint import state_hash
from lab.models.initialisation import InitialisationNetwork
from lab.models.protocols import see
from lab.planning import Consistency, Informed, Planner, Regularised, shortened
from lab.plots.palette import LABELS
from lab.plots.words import GOALS, counted, points
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.judge import verdict
from lab.studies.common.measure import Case, measure_all, problems_of
from lab.training.initialisation import PRIOR, initialisation_of

NAME = "priors"
MODELS = ("base", "adversarial")
LADDER = {"cem": (1, 3, 10), "mppi": (1, 3, 10), "restarts": (10, 40, 100), "adam": (10, 30, 100)}  #: iterations
#: how a planner begins, in words
STARTS = {
    "uninformed": "by itself",
    "prior": "with the prior",
    "pulled": "with the prior, and pulled to it",
    "consistent": "kept consistent",
}
BY = ["goals", "model", "planner", "start", "iterations"]
TIMES = {"success": ["seconds"]}


def run(config: Config) -> Result:
    """Plan with and without the prior of the model's encoder, which is trained first if there is none.

    Tables: ``success`` (rates and seconds), ``differences`` (paired, in success, to the planner by itself after as many
    iterations), ``savings`` (the same, of the fewest iterations with the prior to the most without), ``sureness`` (see
    `sureness`) and ``pairs`` (a row for each problem).
    """
    started = time.perf_counter()
    config.train_networks(PRIOR)
    measured, meta = measure_all(config, NAME, list(todo(config)), [told_apart])
    found = tables(measured[[*BY, "train_seed", "pair", "success", "seconds"]])
    found["sureness"] = sureness(config)
    networks = {f"seed{seed}": prior_of(config, base) for _, seed, base in config.models(("base",))}
    about = {
        "weight": config.card.settings.prior,
        "priors": {seed: state_hash(network)[:16] for seed, network in networks.items()},
    }
    return Result(found, provenance(config, started, TIMES) | meta | about)


def prior_of(config: Config, model: WorldModel) -> InitialisationNetwork:
    """The state prior for the encoder of ``model``."""
    return initialisation_of(model, config.preset, PRIOR)


def todo(config: Config) -> Iterator[Case]:
    """Every planner after every number of iterations, on every model and kind of goals."""
    for protocol in config.protocols().values():
        for name, seed, model in config.models(MODELS):
            for planner in LADDER:
                for variant in variants(config, planner, prior_of(config, model)):
                    keep = not isinstance(variant, Informed | Regularised)  # what depends on the network is not stored
                    yield Case(protocol, name, seed, model, planner, variant, keep=keep)


def variants(config: Config, name: str, network: InitialisationNetwork) -> Iterator[Planner]:
    """The planner called ``name``, as it begins in each of `STARTS`, after each number of iterations."""
    most = config.size.iterations or max(LADDER[name])
    for iterations in sorted({min(count, most) for count in LADDER[name]}):
        alone = shortened(config.planner(name), iterations)
        yield alone
        yield Informed(network.believe, alone)
        yield Regularised(alone, Consistency(network.believe), config.card.settings.prior)
        if name == "adam":
            yield Informed(network.believe, alone, config.card.settings.prior)


def told_apart(case: Case, outcome: Outcome) -> Mapping[str, Any]:
    """The columns ``start`` and ``iterations``."""
    planner: Any = case.planner
    if not isinstance(planner, Informed | Regularised):
        return {"start": "uninformed", "iterations": planner.iterations}
    start = "consistent" if isinstance(planner, Regularised) else "pulled" if planner.weight else "prior"
    inner: Any = planner.planner
    return {"start": start, "iterations": inner.iterations}


def tables(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of plans, from a row for each problem."""
    seconds = pairs.groupby(BY).seconds.mean().reset_index()
    by_start = pairs.rename(columns={"start": "model", "model": "of"})  # because `compare` compares models
    against = [(start, "uninformed") for start in STARTS if start != "uninformed"]
    differences = compare(by_start, "success", ["goals", "of", "planner", "iterations"], "pair", against)
    return {
        "success": success_rates(pairs, BY).merge(seconds, on=BY),
        "differences": differences.rename(columns={"of": "model"}),
        "savings": savings(pairs),
        "pairs": pairs.drop(columns="seconds"),
    }


def savings(pairs: pd.DataFrame) -> pd.DataFrame:
    """The fewest iterations with the prior against the most without, for each kind of goals, model and planner."""
    rows = []
    for keys, group in pairs.groupby(["goals", "model", "planner"], sort=False):
        least, most = group.iterations.min(), group.iterations.max()
        ours = group[(group.start == "prior") & (group.iterations == least)]
        theirs = group[(group.start == "uninformed") & (group.iterations == most)]
        sides = f"prior, {least}", f"uninformed, {most}"
        rows.append([*keys, *sides, *paired(ours, theirs, "success", "pair")])
    return pd.DataFrame(rows, columns=["goals", "model", "planner", *DIFFERENCE])


@torch.no_grad()
def sureness(config: Config) -> pd.DataFrame:
    """How sure the prior is of the expert's actions on held-out problems, and whether it may be; a row for each block.

    ``measure``: ``std``, the mean standard deviation, in those of the data's actions, or ``within``, the share of the
    expert's numbers within one standard deviation of the mean, which is 0.68 if the distribution is right.
    """
    problems = problems_of(config.protocols(("dataset",))["dataset"])
    assert problems.expert is not None
    parts = []
    for _, seed, model in config.models(("base",)):
        start, goal = (see(model, problems.environment, states) for states in (problems.starts, problems.goals))
        actions = model.normalise_actions(problems.expert)
        mean, std = prior_of(config, model).believe(start, goal, actions.shape[1])
        within = ((actions - mean).abs() < std).float().mean(-1)
        for measure, values in (("std", std.mean(-1)), ("within", within)):
            pair, block = np.indices(values.shape)
            columns = {"pair": pair.ravel(), "block": block.ravel() + 1, "value": values.numpy(force=True).ravel()}
            parts.append(pd.DataFrame({"measure": measure, "train_seed": seed} | columns))
    return average(pd.concat(parts), "value", ["measure", "block"], "pair")


def sentences(result: Result) -> str:
    """Of each planner on each model: what the prior changes after equal iterations, and what it saves."""
    return "\n".join([*_differences(result), "", *_savings(result), "", _sureness(result)])


def _differences(result: Result) -> Iterator[str]:
    rows = result.tables["differences"]
    for (goals, model, planner, ours), group in rows.groupby(["goals", "model", "planner", "ours"], sort=False):
        each = "; ".join(
            f"{counted(row.iterations, 'iteration')} {points(row, 0)}: {verdict(row.low, row.high)}"
            for row in group.itertuples()
        )
        subject = f"{LABELS[str(model)]}, {LABELS[str(planner)]} {STARTS[str(ours)]}"
        yield f"{subject}, minus by itself, {GOALS[str(goals)]}, n = {group.n.iloc[0]}: {each}."


def _savings(result: Result) -> Iterator[str]:
    for row in result.tables["savings"].itertuples():
        least, most = (counted(int(name.split()[-1]), "iteration") for name in (row.ours, row.theirs))
        yield (
            f"{LABELS[row.model]}, {LABELS[row.planner]} with the prior after {least} minus by itself after "
            f"{most}, {GOALS[row.goals]}, n = {row.n}: {points(row, 0)}: {verdict(row.low, row.high)}."
        )


def _sureness(result: Result) -> str:
    means = result.tables["sureness"].groupby("measure")["mean"].mean()
    return (
        f"The prior's standard deviation is {means['std']:.2f} of the data's, on average over blocks; "
        f"{means['within']:.0%} of the expert's numbers lie within it, where 68% would if the distribution were right."
    )
