"""What the shown state says, in a sentence: pages write it from the same numbers as their pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lab.evaluation.episode import Episode
from lab.evaluation.gap import Gap
from lab.evaluation.slices import Slice
from lab.evaluation.statistics import Interval, paired_difference
from lab.plots.palette import LABELS, label
from lab.plots.words import GOALS, counted
from lab.results import Result
from lab.studies.common import claims
from lab.studies.common.judge import verdict
from lab.studies.fig3_efficiency.study import SHARE

BASE = "base"
METHOD = ("planner", "optimiser", "model", "variant", "trial", "setting", "lr", "lambda")
CONDITIONS = ("goals", "mode")  #: these and `METHOD` are the columns that say what a rate is of


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def gap(planned: Mapping[str, np.ndarray], expert: Mapping[str, np.ndarray], near: bool) -> str:
    """Where the models err more, and why a gap differs from Base's; from errors (n, H) by model."""
    sentences = [_along(model, planned[model], expert[model], near) for model in list(planned)[:1]]
    if near and BASE in planned:
        gaps = {model: Gap(error, expert[model]) for model, error in planned.items()}
        sentences += [_against_base(model, gaps[model], gaps[BASE]) for model in gaps if model != BASE]
    return " ".join(sentences)


def _along(model: str, planned: np.ndarray, expert: np.ndarray, near: bool) -> str:
    times = planned.mean() / max(expert.mean(), 1e-12)
    text = f"On **{LABELS[model]}** the error along plans is {times:.2g} times that along the experts' actions"
    if not near:
        return f"{text} on the near problems."
    found = Gap(planned, expert).interval()
    words = verdict(found.low, found.high, "its gap is above zero", "its gap is below zero, planning errs less here")
    return f"{text}: {words.replace('unclear', 'whether there is a gap is unclear')}, over {len(planned)} problems."


def _against_base(model: str, ours: Gap, base: Gap) -> str:
    """How much a gap is above or below Base's, and by which of its two parts."""
    found = paired_difference(ours.by_problem, base.by_problem)
    kind = verdict(found.low, found.high, "larger", "smaller")
    if kind == "unclear":
        return f"**{LABELS[model]}**’s gap is not shown to differ from Base’s."
    text = f"**{LABELS[model]}**’s gap is {kind} than Base’s by {_size(found)}"
    if kind == "larger":
        return f"{text}."
    share = (ours.expert.mean() - base.expert.mean()) / -found.value
    if share > 0.5:
        return f"{text}, but {min(share, 1):.0%} of that is because its error along the experts’ actions is larger."
    more = f"; {share:.0%} of it is a larger error along the experts’ actions" if share > 0.1 else ""
    return f"{text}: its error along plans is {base.planned.mean() - ours.planned.mean():.2g} smaller{more}."


def _size(found: Interval) -> str:
    low, high = sorted((abs(found.low), abs(found.high)))
    return f"{abs(found.value):.2g} [{low:.2g}, {high:.2g}]"


def landscape(models: Sequence[str], cuts: Sequence[Slice]) -> str:
    """Which loss is smoothest on the slice, and how much of the slice leads to its lowest point."""
    rough = {model: float(cut.roughness()[0]) for model, cut in zip(models, cuts, strict=True)}
    basin = {model: float(cut.basin()[0]) for model, cut in zip(models, cuts, strict=True)}
    if len(models) == 1:
        return f"From {basin[models[0]]:.0%} of this slice, steepest descent ends in the lowest point of the slice."
    smooth, jagged = min(rough, key=rough.__getitem__), max(rough, key=rough.__getitem__)
    wide, slim = max(basin, key=basin.__getitem__), min(basin, key=basin.__getitem__)
    times = rough[jagged] / max(rough[smooth], 1e-12)
    first = f"On this slice **{LABELS[smooth]}** is the smoothest, and {LABELS[jagged]} {times:.2g} times as rough."
    return (
        f"{first} Steepest descent ends in the lowest point from {basin[wide]:.0%} of it on {LABELS[wide]}, from "
        f"{basin[slim]:.0%} on {LABELS[slim]}."
    )


def race(names: Sequence[str], episodes: Sequence[Episode]) -> str:
    """Which methods reach the goal, and which is the fastest of them."""
    reached = {name: e.seconds for name, e in zip(names, episodes, strict=True) if e.reached() is not None}
    if len(names) < 2:
        return ""
    if not reached:
        return f"None of the {len(names)} methods reaches this goal."
    fastest = min(reached, key=reached.__getitem__)
    time = f" The fastest of them to plan is {fastest}, in {reached[fastest]:.2g} s." if len(reached) > 1 else ""
    missed = [name for name in names if name not in reached]
    others = f"; {listed(missed)} {'miss' if len(missed) > 1 else 'misses'} it" if missed else ""
    return f"{listed([*reached])} {'reach' if len(reached) > 1 else 'reaches'} this goal{others}.{time}"


def efficiency(ratios: pd.DataFrame, clock: str) -> str:
    """How often gradient planning is as good as CEM on the same model, and in what share of its time."""
    rows = ratios[(ratios.clock == clock) & (ratios.rule == "as good") & (ratios.model == ratios.reference)]
    if rows.empty:
        return ""
    good = rows[rows.met].sort_values("ratio")
    if good.empty:
        return "No gradient planner shown is as good as CEM on the same model, at any number of iterations."
    best = good.iloc[0]
    return (
        f"Of {len(rows)} pairs of planner and model, {len(good)} are as good as CEM on the same model, "
        f"{(good.ratio <= SHARE).sum()} of them in a tenth of its time; the quickest is **{LABELS[best.planner]} on "
        f"{LABELS[best.model]}**, in {100 * best.ratio:.2g}% of it."
    )


def result(experiment: str, stored: Result) -> str:
    """What a stored result says about the paper's claims; else its highest rate."""
    findings = claims.verdicts({experiment: stored})
    if len(findings):
        text = f"Of {counted(len(findings), 'finding')} here on the paper’s claims, "
        text += f"{(findings.verdict == 'reproduced').sum()} are reproduced."
        for kind, words in (("reproduced", "The clearest that is"), ("not reproduced", "The clearest against a claim")):
            if len(rows := findings[findings.verdict == kind]):
                text += f" {words}: {rows.loc[rows.p.idxmin()].sentence}."
        return text
    for table in stored.tables.values():
        rates = next((table[column] for column in ("rate", "value") if column in table), pd.Series(dtype=float))
        if "n" in table and set(METHOD) & set(table) and rates.notna().any():
            best = table.loc[rates.idxmax()]
            what = ", ".join(_word(column, best[column]) for column in METHOD + CONDITIONS if column in table)
            return f"The highest success rate here is {rates.max():.0%}: {what}, over {best.n:.0f} problems."
    return ""


def _word(column: str, value: object) -> str:
    """What a table's row says in a column."""
    return f"{column} {value:g}" if isinstance(value, float) else GOALS.get(str(value), label(str(value)))


def pairs(ours: str, theirs: str, counts: Mapping[str, int], low: float, high: float) -> str:
    """Whether one of two methods is better on the same problems."""
    word = verdict(low, high, f"{ours} reaches more", f"{theirs} reaches more", "Neither is shown to reach more")
    return (
        f"{word}: {ours} reaches {counts.get('won', 0)} goals that {theirs} misses, and misses {counts.get('lost', 0)} "
        "that it reaches."
    )
