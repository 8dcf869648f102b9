"""Shift: planning on tasks that differ from the training data in one factor, such as the light or the ball's mass.

Data-set goals, on problems of the varied task: its physics and its data policy reach them. The values of the factors
stand on the task's card. Adam plans through all models, in open loop and under MPC; CEM through the base model, in open
loop. Under MPC the base model is also adapted on the way (`lab.planning.adaptation`): the sibling, at test time, of
Online World Modeling.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from lab.evaluation.compare import compare, success_rates
from lab.evaluation.success import Outcome
from lab.files import MODELS
from lab.planning import MPC, Adaptation
from lab.plots.palette import LABELS
from lab.plots.words import counted, percent
from lab.results import Result
from lab.studies.common.config import Config, provenance
from lab.studies.common.judge import verdict
from lab.studies.common.measure import Case, cases, measure_all
from lab.studies.common.protocol import Protocol

NAME = "shift"
USUAL = "none"  #: the factor of problems as in the training data
CEM, ADAPTING = "base (cem)", "base (adapting)"  #: beside the models under Adam
NAMES = {name: LABELS[name] for name in MODELS} | {CEM: "CEM on Base", ADAPTING: "Base, adapting"}
COMPARED = (
    ("base", "control"), ("online", "control"), ("adversarial", "control"), (CEM, "control"), (ADAPTING, "base"),
    (ADAPTING, "control"), (ADAPTING, "online"),
)  # fmt: skip
TOLD = (("online", "control"), ("adversarial", "control"), (ADAPTING, "base"))  #: in `sentences`
BY = ["factor", "value", "mode"]


def run(config: Config) -> Result:
    """Plan under each factor alone, and without any.

    Tables: ``success`` (rates, averaged over seeds), ``differences`` (paired, see `COMPARED`) and ``pairs`` (a row for
    each problem). A model is one of `NAMES`.
    """
    started = time.perf_counter()
    measured, meta = measure_all(config, NAME, list(todo(config)), [factor_of])
    pairs = named(measured)[[*BY, "model", "train_seed", "pair", "success"]]
    tables = {
        "success": success_rates(pairs, [*BY, "model"]),
        "differences": compare(pairs, "success", BY, "pair", COMPARED),
        "pairs": pairs,
    }
    return Result(tables, provenance(config, started) | meta)


def todo(config: Config) -> Iterator[Case]:
    """Every model and planner under every factor; CEM, which takes long, for the first training seed only."""
    models, once = config.models(MODELS), {("cem", "open"): ("base",), ("cem", "mpc"): ()}
    for variation in ((), *(((factor, value),) for factor, value in config.card.shifts.items())):
        protocol = Protocol(config.task, "dataset", config.size.shifted, seed=config.seed, variation=variation)
        yield from cases(config, [protocol], models, ("adam", "cem"), ("open", "mpc"), once)
        planner, mpc = config.planner("adam", "mpc"), MPC(adapt=Adaptation())
        for name, seed, model in models:
            if name == "base":
                yield Case(protocol, name, seed, model, "adam", planner, "adapting", mpc=mpc)


def factor_of(case: Case, outcome: Outcome) -> Mapping[str, Any]:
    """What a case varies, and its value; `USUAL` and 0 without variation."""
    ((factor, value),) = case.protocol.variation or ((USUAL, 0.0),)
    return {"factor": factor, "value": value}


def named(measured: pd.DataFrame) -> pd.DataFrame:
    """``measured`` with CEM and adaptation as models of their own, see `NAMES`; adaptation is a kind of MPC."""
    model = measured.model.mask(measured.planner == "cem", CEM).mask(measured["mode"] == "adapting", ADAPTING)
    return measured.assign(model=model, mode=measured["mode"].replace("adapting", "mpc"))


def sentences(result: Result) -> str:
    """The `lines`, one below the other."""
    return "\n".join(lines(result))


def lines(result: Result) -> Iterator[str]:
    """Of each mode: what shift costs the control, and where the methods and adaptation are better or worse."""
    success, differences = result.tables["success"], result.tables["differences"]
    for mode, rows in differences.groupby("mode", sort=False):
        control = success[(success["mode"] == mode) & (success.model == "control")].set_index("factor")
        usual, shifted = control.loc[USUAL], control.drop(USUAL)
        least = shifted.loc[shifted.rate.idxmin()]
        yield (
            f"{LABELS[mode]}, Control ({counted(usual.n, 'problem')} each, {counted(usual.seeds, 'training seed')}): "
            f"{percent(usual, unit='%')} as in the training data, {100 * shifted.rate.mean():.0f}% on average under "
            f"shift, least under {least.name} {least.value:g}: {percent(least, unit='%')}."
        )
        for ours, theirs in TOLD:
            these = rows[(rows.ours == ours) & (rows.theirs == theirs)]
            if len(these):
                yield f"{LABELS[mode]}, {NAMES[ours]} minus {NAMES[theirs]}: {judged(these)}."


def judged(rows: pd.DataFrame) -> str:
    """``better under hue; unclear under none, light``: the factors of ``rows`` by the verdict on each."""
    verdicts = [verdict(row.low, row.high) for row in rows.itertuples()]
    by_verdict = {word: list(rows.factor[[v == word for v in verdicts]]) for word in ("better", "worse", "unclear")}
    return "; ".join(f"{word} under {', '.join(factors)}" for word, factors in by_verdict.items() if factors)
