"""Shift: planning on tasks that differ from the training data in one factor, such as the light or the ball's mass.

Data-set goals, on problems of the varied task: its physics and its data policy reach them. The values of the factors
stand on the task's card. Adam plans through all models, in open loop and under MPC; CEM through the base model, in open
loop, and is compared with Adam there. Under MPC the base model is also adapted on the way (`lab.planning.adaptation`):
the sibling, at test time, of Online World Modeling.
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
from lab.plots.words import counted, percent, points
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
    ("base", "control"), ("online", "control"), ("adversarial", "control"), (CEM, "base"), (ADAPTING, "base"),
    (ADAPTING, "control"), (ADAPTING, "online"),
)  # fmt: skip
IN_WORDS = (("online", "control"), ("adversarial", "control"), (CEM, "base"), (ADAPTING, "base"))  #: in `sentences`
BY = ["factor", "value", "mode"]


def run(config: Config) -> Result:
    """Plan under each factor alone, and without any.

    Tables: ``success`` (rates, averaged over seeds), ``differences`` (paired, see `COMPARED`), ``overall`` (see
    `overall`) and ``pairs`` (a row for each problem). A model is one of `NAMES`.
    """
    started = time.perf_counter()
    measured, meta = measure_all(config, NAME, list(todo(config)), [factor_of])
    pairs = named(measured)[[*BY, "model", "train_seed", "pair", "success"]]
    tables = {
        "success": success_rates(pairs, [*BY, "model"]),
        "differences": compare(pairs, "success", BY, "pair", COMPARED),
        "overall": overall(pairs),
        "pairs": pairs,
    }
    return Result(tables, provenance(config, started) | meta)


def todo(config: Config) -> Iterator[Case]:
    """Every model and planner under every factor; CEM, which takes long, for the first training seed only."""
    models = config.models(MODELS)
    once = {("cem", "open"): [("base", config.size.seeds[0])], ("cem", "mpc"): []}
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


def overall(pairs: pd.DataFrame) -> pd.DataFrame:
    """The paired differences of each mode, averaged over all changed factors first: one number for each comparison.

    What is resampled is the number of a problem, which stands for its draw under every factor.
    """
    changed = pairs[pairs.factor != USUAL]
    means = changed.groupby(["mode", "model", "train_seed", "pair"], sort=False).success.mean().reset_index()
    return compare(means, "success", ["mode"], "pair", COMPARED)


def sentences(result: Result) -> str:
    """The `lines`, one below the other."""
    return "\n".join(lines(result))


def lines(result: Result) -> Iterator[str]:
    """Of each mode: what the control reaches under each factor, and what others change, on average and by factor."""
    success, differences, means = (result.tables[name] for name in ("success", "differences", "overall"))
    for mode, rows in differences.groupby("mode", sort=False):
        control = success[(success["mode"] == mode) & (success.model == "control")]
        sample = f"{counted(control.n.max(), 'problem')}, {counted(control.seeds.max(), 'training seed')} each"
        rates = "; ".join(f"{words(row)} {percent(row, unit='%')}" for row in control.itertuples())
        yield f"{LABELS[mode]}, Control ({sample}): {rates}."
        for ours, theirs in IN_WORDS:
            these = rows[(rows.ours == ours) & (rows.theirs == theirs)]
            if len(these):
                (mean,) = means.query("mode == @mode and ours == @ours and theirs == @theirs").itertuples()
                on_average = f"On average over the changed factors {points(mean)}: {verdict(mean.low, mean.high)}."
                yield f"{LABELS[mode]}, {NAMES[ours]} minus {NAMES[theirs]}. {on_average} {judged(these)}"


def judged(rows: pd.DataFrame) -> str:
    """``Better: hue 90. Unclear: as in training, light 0.5.``: what is varied in ``rows``, by the verdict on each."""
    by_verdict: dict[str, list[str]] = {"better": [], "worse": [], "unclear": []}
    for row in rows.itertuples():
        by_verdict[verdict(row.low, row.high)].append(words(row))
    return " ".join(f"{word.capitalize()}: {', '.join(varied)}." for word, varied in by_verdict.items() if varied)


def words(row: Any) -> str:
    """``hue 90``: what is varied in a table's ``row``."""
    return "as in training" if row.factor == USUAL else f"{row.factor} {row.value:g}"
