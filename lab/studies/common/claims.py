"""What the numbers say about the paper's claims 1 to 7, in plain sentences.

Each claim is put as "this difference is above zero", and judged by the 95% interval of the difference alone:
*reproduced* if all of it is above zero, *not reproduced* if all of it is below, *unclear* otherwise. Where the paper
says "as good as", the zero is moved down by 5 points of success. Fewer than 20 problems are always *unclear*.

Of many findings, some would be decided by chance. The column ``holm`` has the verdicts under Holm's correction over all
findings that an interval decides. It is computed from p-values, which follow from the intervals, see `p_value`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lab.evaluation.compare import compare
from lab.evaluation.slices import LESS_IS_BETTER
from lab.evaluation.statistics import holm, p_value
from lab.plots.palette import LABELS
from lab.plots.words import GOALS
from lab.results import Result
from lab.studies.common.judge import AS_GOOD, FEWEST, MARGIN, Finding, verdict

CLAIMS = {
    1: "On the base model, open loop: GD < Adam << CEM",
    2: "Adversarial World Modeling lifts open-loop gradient planning",
    3: "Under MPC, Adam on the Adversarial model is as good as CEM on the base model",
    4: "Gradient planning is as good as CEM in a tenth of the time",
    5: "The train-test gap is above zero for base; Online and Adversarial lower it",
    6: "The Adversarial model's loss landscape is smoother, its basin around the optimum broader",
    7: "On Rope and Granular, Online and Adversarial models bring gradient plans closer to the goal",
}
CLOCKS = {"batch": "all problems together", "single": "one plan alone"}
LANDSCAPE = {
    "roughness": "roughness of the loss",
    "basin": "basin of the loss",
    "distance": "distance of the loss's minimum from the expert",
}
COLUMNS = ["claim", "task", "figure", "sentence", "value", "low", "high", "n", "seeds", "p", "verdict"]
LEVEL = 0.05  #: of the error that Holm's correction allows over all findings

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class ClaimFinding(Finding):
    """A difference that bears on a claim, turned so that above zero speaks for it."""

    sign: int = 1  #: -1 where less is better; the numbers are as measured
    margin: float = 0.0
    refuted: bool = False  #: True where something else already speaks against the claim

    @property
    def verdict(self) -> str:
        return self.judge(self.low, self.high)

    @property
    def p(self) -> float:
        """The p-value of "the difference is zero", or as much below as ``margin`` allows."""
        return p_value(self._turned(self.difference), *self._interval(self.low, self.high))

    def judge(self, low: float, high: float) -> str:
        if self.n < FEWEST:
            return "unclear"
        if self.refuted:
            return "not reproduced"
        return verdict(*self._interval(low, high), "reproduced", "not reproduced")

    def _interval(self, low: float, high: float) -> tuple[float, float]:
        first, second = self._turned(low), self._turned(high)
        return min(first, second), max(first, second)

    def _turned(self, number: float) -> float:
        return self.sign * number + self.margin


def verdicts(*tasks: Mapping[str, Result]) -> pd.DataFrame:
    """A row for each finding in the results of each of ``tasks`` (by study), in the order of the claims.

    Columns: `COLUMNS` and ``holm``.
    """
    rows = [
        [f.number, result.task, name, f.sentence, f.difference, f.low, f.high, f.n, f.seeds, f.p, f.verdict, f.refuted]
        for results in tasks
        for name, result in results.items()
        if name in _READERS
        for f in _READERS[name](result.tables)
    ]
    table = pd.DataFrame(rows, columns=[*COLUMNS, "refuted"]).sort_values("claim", kind="stable", ignore_index=True)
    decided = table.pop("refuted").astype(bool)  # whatever the interval says: no part of the correction
    decided[~decided] = holm(table.p[~decided]) < LEVEL
    return table.assign(holm=table.verdict.where(decided, "unclear"))


def sentences(table: pd.DataFrame) -> str:
    """The findings for people, under the claim that each belongs to."""
    lines = []
    for claim, rows in table.groupby("claim"):
        lines.append(f"Claim {claim}. {CLAIMS[claim]}")
        lines += [f"  {row.task}: {row.sentence} -> {row.verdict}" for row in rows.itertuples()]
    return "\n".join(lines)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """How many findings of each claim (rows) and task (columns) are reproduced, see `count`."""
    counts = {keys: count(rows) for keys, rows in table.groupby(["claim", "task"])}
    return pd.Series(counts).rename_axis(["claim", "task"]).unstack("task")


def count(rows: pd.DataFrame) -> str:
    """How many findings are reproduced, as in ``3 of 4``; ``3 (2) of 4`` where Holm's correction leaves fewer."""
    reproduced, left = ((rows[column] == "reproduced").sum() for column in ("verdict", "holm"))
    return f"{reproduced}{f' ({left})' if left < reproduced else ''} of {len(rows)}"


def in_all(table: pd.DataFrame) -> str:
    """How many of all findings are reproduced, without and with Holm's correction: a sentence."""
    plain, corrected = (table[column].value_counts() for column in ("verdict", "holm"))
    return (
        f"Of all {len(table)} findings, {plain.get('reproduced', 0)} are reproduced, {plain.get('not reproduced', 0)} "
        f"are not, and {plain.get('unclear', 0)} are unclear; under Holm's correction, which allows for their number, "
        f"{corrected.get('reproduced', 0)} are reproduced and {corrected.get('not reproduced', 0)} are not."
    )


def judged(row: Any) -> str:
    """The verdict on a row of `verdicts` in words, with that under Holm's correction where it is another."""
    return row.verdict if row.holm == row.verdict else f"{row.verdict}, {row.holm} under Holm's correction"


def planners_on_base(tables: Tables, comparisons: list[tuple[str, str]], mode: str = "open") -> pd.DataFrame:
    """Table 1's paired differences between planners on the base model in one mode, by kind of goals."""
    pairs = tables["pairs"].query("criterion == 'full' and model == 'base' and mode == @mode")
    return compare(pairs.assign(model=pairs.planner), "success", ["goals"], "pair", comparisons)


def _success(tables: Tables) -> Iterator[ClaimFinding]:
    """Claims 1 to 3, from the paper's own criterion: by our planner settings, then by the authors'."""
    for mode in ("open", "authors_open"):
        for row in planners_on_base(tables, [("adam", "gd"), ("cem", "adam")], mode).itertuples():
            subject = f"{LABELS[row.ours]} minus {LABELS[row.theirs]}, Base, {LABELS[mode]}, {GOALS[row.goals]}"
            yield ClaimFinding.of(1, subject, row, in_points=True)
    for row in tables["differences"].query("criterion == 'full' and ours == 'adversarial'").itertuples():
        where = f"{LABELS[row.mode]}, {GOALS[row.goals]}"
        if row.theirs in ("base", "control") and row.mode in ("open", "authors_open") and row.planner != "cem":
            subject = f"Adversarial minus {LABELS[row.theirs]}, {LABELS[row.planner]}, {where}"
            yield ClaimFinding.of(2, subject, row, in_points=True)
        if (row.theirs, row.planner) == ("base (cem)", "adam") and row.mode in ("mpc", "authors_mpc"):
            subject = f"Adam on Adversarial minus CEM on Base, {where}"
            yield ClaimFinding.of(3, subject, row, in_points=True, margin=MARGIN, remark=AS_GOOD)


def _landscape(tables: Tables) -> Iterator[ClaimFinding]:
    """Claim 6. A basin is around the optimum if its lowest point is near the expert's actions."""
    for row in tables["differences"].query("ours == 'adversarial'").itertuples():
        subject = f"{LANDSCAPE[row.measure]}, Adversarial minus {LABELS[row.theirs]}"
        yield ClaimFinding.of(6, subject, row, sign=-1 if row.measure in LESS_IS_BETTER else 1)


def _efficiency(tables: Tables) -> Iterator[ClaimFinding]:
    """Claim 4: of GD, Adam, 8 starts and a race, the most iterations within a tenth of CEM's time, by either clock.

    CEM plans on the base model, whatever model gradient planning has: so the paper puts it. Beside these findings are
    those of Base and Adversarial against CEM on the same model. None starts from the network, a second model that has
    to be trained.
    """
    rows = tables["ratios"].query("rule == 'a tenth' and planner in ('gd', 'adam', 'restarts', 'raced')")
    as_in_the_paper = rows[(rows.reference == "base") & rows.model.isin(("online", "adversarial"))]
    same_model = rows[(rows.reference == rows.model) & rows.model.isin(("base", "adversarial"))]
    for row in pd.concat([as_in_the_paper, same_model]).itertuples():
        models = LABELS[row.model], LABELS[row.reference]
        subject = f"{LABELS[row.planner]} on {models[0]} minus CEM on {models[1]}, {CLOCKS[row.clock]}"
        note = f" in {row.ratio:.2g} of CEM's time" + ("" if row.met else ", the least there is")
        options = {"in_points": True, "margin": MARGIN, "refuted": not row.met, "note": note, "remark": AS_GOOD}
        yield ClaimFinding.of(4, subject, row, **options)


def _gap(tables: Tables) -> Iterator[ClaimFinding]:
    """Claim 5. What became of the planned and the expert error stands beside each gap, which is their difference."""
    gaps = tables["gaps"].query("kind == 'gap' and model == 'base'").rename(columns={"mean": "difference"})
    for row in gaps.itertuples():
        yield ClaimFinding.of(5, f"gap of Base, {LABELS[row.planner]}, {GOALS[row.goals]}", row)
    keys = ["goals", "planner", "ours", "theirs"]
    parts = tables["differences"].pivot_table(index=keys, columns="kind", values="difference")
    for row in tables["differences"].query("kind == 'gap' and ours in ('online', 'adversarial')").itertuples():
        subject = f"gap of {LABELS[row.ours]} minus {LABELS[row.theirs]}, {LABELS[row.planner]}, {GOALS[row.goals]}"
        planned, expert = parts.loc[(row.goals, row.planner, row.ours, row.theirs), ["planned", "expert"]]
        remark = f"planned error {planned:+.3g}, expert error {expert:+.3g}"
        yield ClaimFinding.of(5, subject, row, sign=-1, remark=remark)


def _deformable(tables: Tables) -> Iterator[ClaimFinding]:
    """Claim 7, on the final distance."""
    rows = tables["differences"].query("ours in ('online', 'adversarial')")
    for row in rows[rows.planner.isin(("gd", "adam"))].itertuples():
        models, case = f"{LABELS[row.ours]} minus {LABELS[row.theirs]}", f"{LABELS[row.planner]}, {LABELS[row.mode]}"
        yield ClaimFinding.of(7, f"Chamfer distance, {models}, {case}, {GOALS[row.goals]}", row, sign=-1)


_READERS = {
    "table1_success": _success,
    "fig2_landscape": _landscape,
    "fig3_efficiency": _efficiency,
    "fig4_gap": _gap,
    "robotics": _deformable,
}
