"""Where gradient planning starts: Adam from noise against Adam from the initialisation network, open loop and MPC.

The network's guess is already close to a plan: few steps are enough, and more may lead away from it. Their number is
chosen on the tune split, with the base model of the first training seed, for each mode. Candidates are `LADDER` and
the number that Adam takes from noise.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from lab.evaluation.compare import DIFFERENCE, paired, success_rates
from lab.evaluation.statistics import wilson
from lab.files import MODELS
from lab.models import WorldModel
from lab.planning import MODES, Initialised, Planner, shortened
from lab.plots.words import points
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.judge import verdict
from lab.studies.common.measure import Case, cases, measure, measure_all
from lab.training.initialisation import STARTED, initialisation_of

NAME = "starts"
PLANNERS = ("adam", "network", STARTED, "cem")
LADDER = (5, 10, 20, 40)  #: iterations of Adam after the network's guess
TIMES = {"success": ["seconds"], "choice": ["seconds"]}
BY = ["goals", "mode", "model", "planner"]


def run(config: Config) -> Result:
    """Choose the iterations on the tune split, then evaluate every planner on the test split.

    Tables: ``choice`` (see `choose`), ``success`` (averaged over seeds), ``differences`` (see `differences`) and
    ``pairs`` (a row for each problem).
    """
    started = time.perf_counter()
    config.train_networks()
    choice = choose(config, config.model("base", config.size.seeds[0]))
    chosen = choice[choice.chosen == 1].set_index("mode").iterations
    measured, meta = measure_all(config, NAME, todo(config, chosen))
    success = success_rates(measured, BY).merge(measured.groupby(BY).seconds.mean().reset_index(), on=BY)
    pairs = measured[[*BY, "train_seed", "pair", "success"]]
    tables = {"choice": choice, "success": success, "differences": differences(pairs), "pairs": pairs}
    return Result(tables, provenance(config, started, TIMES) | meta)


def todo(config: Config, iterations: Mapping[str, int]) -> list[Case]:
    """Every planner on every model, with the network of its encoder.

    CEM, by far the slowest, is run on the base model of the first training seed only.
    ``iterations`` are those of Adam after the network, by mode. Results that depend on the network are not stored:
    they take little time.
    """

    def planner_of(name: str, mode: str, model: WorldModel) -> Planner:
        if name in ("adam", "cem"):
            return config.planner(name, mode)
        return after_network(config, model, mode, int(iterations[mode]) if name == STARTED else 0)

    long = {("cem", mode): [("base", config.size.seeds[0])] for mode in MODES}
    all_cases = cases(config, config.protocols().values(), config.models(MODELS), PLANNERS, MODES, long, planner_of)
    return [replace(case, keep=case.planner_name in ("adam", "cem")) for case in all_cases]


def after_network(config: Config, model: WorldModel, mode: str, iterations: int) -> Initialised:
    """Adam for ``iterations`` steps from the guess of the network for ``model``; at 0 iterations, the guess itself."""
    adam = shortened(config.planner("adam", mode), iterations) if iterations else None
    return Initialised(initialisation_of(model, config.preset).propose, adam)


def choose(config: Config, base: WorldModel) -> pd.DataFrame:
    """Success of Adam from the network's guess on the tune split, over all kinds of goals together.

    There is a row for each mode and number of iterations. ``chosen`` marks one row of each mode, see `marked`.
    """
    rows = []
    for mode in MODES:
        tuned = config.planner("adam", mode).iterations
        for iterations in (*(count for count in LADDER if count < tuned), tuned):
            planner = after_network(config, base, mode, iterations)
            tune = [replace(protocol, split="tune") for protocol in config.protocols().values()]
            todo = [Case(protocol, "base", 0, base, STARTED, planner, mode) for protocol in tune]
            measured = pd.concat([measure(config, case) for case in todo])
            interval = wilson(int(measured.success.sum()), len(measured))
            rows.append([mode, iterations, len(measured), *interval, measured.seconds.mean()])
    return marked(pd.DataFrame(rows, columns=["mode", "iterations", "n", "rate", "low", "high", "seconds"]))


def marked(choice: pd.DataFrame) -> pd.DataFrame:
    """``choice`` with a column ``chosen``: 1 for the most successes of each mode, of equal ones the fewest iterations.

    The rows of a mode begin with the fewest iterations.
    """
    best = choice.groupby("mode").rate.idxmax()  # of equal rates the first
    return choice.assign(chosen=choice.index.isin(best).astype(int))


def differences(pairs: pd.DataFrame) -> pd.DataFrame:
    """Paired differences in success of Adam from the network to ``theirs``: Adam from noise, and CEM on base."""
    rows = []
    for (goals, mode), group in pairs.groupby(["goals", "mode"], sort=False):
        cem = group[group.planner == "cem"]
        for model, same in group.groupby("model", sort=False):
            ours = same[same.planner == STARTED]
            for name, theirs in (("adam", same[same.planner == "adam"]), ("base (cem)", cem)):
                rows.append([goals, mode, model, STARTED, name, *paired(ours, theirs, "success", "pair")])
    return pd.DataFrame(rows, columns=["goals", "mode", "model", *DIFFERENCE])


def sentences(result: Result) -> str:
    """A line for each difference on the base and the adversarial model."""
    lines = []
    for row in result.tables["differences"].itertuples():
        if row.model in ("base", "adversarial"):
            theirs = "Adam from noise" if row.theirs == "adam" else "CEM on base"
            where = f"{row.goals} goals, {row.mode}, {row.model}"
            interval = f"{points(row, 0)}, n = {row.n}: {verdict(row.low, row.high)}"
            lines.append(f"{where}: Adam from the network minus {theirs}: {interval}")
    return "\n".join(lines)
