"""Where gradient planning starts: Adam from noise against Adam from the initialisation network, open loop and MPC.

The network's guess is close to a plan already, so that few steps are enough, and more may lead away from it. How many
is chosen on the tune split, for the base model and each mode, from `LADDER` and the iterations of Adam from noise.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from lab.data import Problems
from lab.evaluation.compare import DIFFERENCE, paired, success_rates
from lab.evaluation.protocol import Protocol
from lab.evaluation.statistics import wilson
from lab.files import MODELS
from lab.models import WorldModel
from lab.models.initialisation import InitialisationNetwork
from lab.planning import MODES, Initialised, Planner
from lab.plots.words import points
from lab.results import Result
from lab.studies.common.cases import Cases
from lab.studies.common.config import Config, provenance
from lab.studies.common.judge import verdict
from lab.training.initialisation import STARTED, initialisation_of

NAME = "starts"
PLANNERS = ("adam", "network", STARTED, "cem")
LADDER = (5, 10, 20, 40)  #: iterations of Adam after the network's guess
TIMES = {"success": ["seconds"], "choice": ["seconds"]}
BY = ["goals", "mode", "model", "planner"]
KEYS = [*BY, "train_seed"]


def run(config: Config) -> Result:
    """Tables: ``choice`` (tune split), ``success`` (seeds averaged), ``differences`` (see `differences`), ``pairs``."""
    started = time.perf_counter()
    base = config.model("base", config.size.seeds[0])
    network = initialisation_of(base, config.preset)
    choice = choose(config, network, base)
    iterations = choice[choice.chosen == 1].set_index("mode").iterations
    cases, rows, todo = Cases(NAME, config.task), [], list(_cases(config))
    for goals, protocol, name, seed, model, planner_name, mode in tqdm(todo, desc=f"{NAME} {config.task}", delay=2):
        keys = dict(zip(KEYS, (goals, mode, name, planner_name, seed), strict=True))
        if planner_name in ("adam", "cem"):
            planner: Planner = config.planner(planner_name, mode)
        else:
            count = int(iterations[mode]) if planner_name == STARTED else 0
            planner = after_network(config, network, mode, count)
        make = partial(_outcomes, config, model, planner, protocol.problems(), mode)
        if isinstance(planner, Initialised):  # depends on the network, too, and takes little time
            rows.append(make().assign(**keys))
        else:
            rows.append(cases.rows(keys, {"protocol": protocol.as_dict(), "settings": repr(planner)}, model, make))
    pairs = pd.concat(rows, ignore_index=True)
    success = success_rates(pairs, BY).merge(pairs.groupby(BY).seconds.mean().reset_index(), on=BY)
    pairs = pairs[[*KEYS, "pair", "success"]]
    tables = {"choice": choice, "success": success, "differences": differences(pairs), "pairs": pairs}
    about = {"protocols": [protocol.as_dict() for protocol in config.protocols().values()], "kept_cases": cases.kept}
    return Result(tables, provenance(config, started, TIMES) | about)


def after_network(config: Config, network: InitialisationNetwork, mode: str, iterations: int) -> Initialised:
    """So many ``iterations`` of Adam from what the network says; none: that alone."""
    adam = replace(config.planner("adam", mode), iterations=iterations) if iterations else None
    return Initialised(network.propose, adam)


def choose(config: Config, network: InitialisationNetwork, base: WorldModel) -> pd.DataFrame:
    """How Adam does on the tune split after the network's guess, all kinds of goals together: a row for each number of
    iterations and mode. ``chosen``: the most successes and, where these are equal, the fewest iterations."""
    rows = []
    for mode in MODES:
        tuned = config.planner("adam", mode).iterations
        for iterations in (*(count for count in LADDER if count < tuned), tuned):
            planner, reached, seconds = after_network(config, network, mode, iterations), [], 0.0
            for protocol in config.protocols().values():
                outcome = config.evaluate(base, planner, replace(protocol, split="tune").problems(), mode)
                reached.append(outcome.success["full"])
                seconds += outcome.seconds
            together = np.concatenate(reached)
            interval = wilson(int(together.sum()), len(together))
            rows.append([mode, iterations, len(together), *interval, seconds / len(together)])
    table = pd.DataFrame(rows, columns=["mode", "iterations", "n", "rate", "low", "high", "seconds"])
    best = table.groupby("mode").rate.idxmax()  # the first of equals
    return table.assign(chosen=table.index.isin(best).astype(int))


def _cases(config: Config) -> Iterator[tuple[str, Protocol, str, int, WorldModel, str, str]]:
    """Everything under everything, and CEM, the longest by far, for the base model of the first training seed."""
    models, first = config.models(MODELS), config.size.seeds[0]
    for (goals, protocol), (name, seed, model) in itertools.product(config.protocols().items(), models):
        for planner, mode in itertools.product(PLANNERS, MODES):
            if planner != "cem" or (name, seed) == ("base", first):
                yield goals, protocol, name, seed, model, planner, mode


def _outcomes(config: Config, model: WorldModel, planner: Planner, problems: Problems, mode: str) -> pd.DataFrame:
    """A row for each problem."""
    outcome = config.evaluate(model, planner, problems, mode)
    pairs = {"pair": np.arange(len(problems)), "success": outcome.success["full"].astype(int)}
    return pd.DataFrame(pairs).assign(seconds=outcome.seconds / len(problems))


def differences(pairs: pd.DataFrame) -> pd.DataFrame:
    """Adam from the network minus Adam from noise on the same model, and minus CEM on base (``theirs``), paired."""
    rows = []
    for (goals, mode), group in pairs.groupby(["goals", "mode"], sort=False):
        cem = group[group.planner == "cem"]
        for model, same in group.groupby("model", sort=False):
            ours = same[same.planner == STARTED]
            counts = ours["pair"].nunique(), ours["train_seed"].nunique()
            for name, theirs in (("adam", same[same.planner == "adam"]), ("base (cem)", cem)):
                rows.append([goals, mode, model, STARTED, name, *counts, *paired(ours, theirs, "success", "pair")])
    return pd.DataFrame(rows, columns=["goals", "mode", "model", *DIFFERENCE])


def sentences(result: Result) -> str:
    """What the start changes, for base and adversarial."""
    lines = []
    for row in result.tables["differences"].itertuples():
        if row.model in ("base", "adversarial"):
            theirs = "Adam from noise" if row.theirs == "adam" else "CEM on base"
            where = f"{row.goals} goals, {row.mode}, {row.model}"
            interval = f"{points(row, 0)}, n = {row.n}: {verdict(row.low, row.high)}"
            lines.append(f"{where}: Adam from the network minus {theirs}: {interval}")
    return "\n".join(lines)
