"""What the numbers say about the paper's claims 1 to 7, in plain sentences.

Each claim is put as "this difference is above zero", and judged by the 95% interval of the difference alone:
*reproduced* if all of it is above zero, *not reproduced* if all of it is below, *unclear* otherwise. Where the paper
says "as good as", the zero is moved down by 5 points of success. Fewer than 20 problems are always *unclear*.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from lab.evaluation.compare import FEWEST, MARGIN, paired
from lab.results import Result

CLAIMS = {
    1: "On the base model, open loop: GD < Adam << CEM",
    2: "Adversarial World Modeling lifts open-loop gradient planning",
    3: "Under MPC, Adam on the Adversarial model is as good as CEM on the base model",
    4: "Gradient planning is as good as CEM in a tenth of the time",
    5: "The train-test gap is above zero for base; Online and Adversarial lower it",
    6: "The Adversarial model's loss landscape is smoother, its basin broader",
    7: "On Rope and Granular, Online and Adversarial models bring gradient plans closer to the goal",
}
NAMES = {
    "base": "Base",
    "control": "Control",
    "online": "Online",
    "adversarial": "Adversarial",
    "gd": "GD",
    "adam": "Adam",
}
COLUMNS = ["claim", "task", "figure", "sentence", "value", "low", "high", "n", "verdict"]


@dataclass(frozen=True)
class Finding:
    """One difference that bears on a claim, turned so that above zero speaks for it."""

    claim: int
    figure: str
    subject: str  #: such as "Adversarial minus Base, GD, open loop, random goals"
    value: float
    low: float
    high: float
    n: int
    unit: str = ""
    sign: int = 1  #: -1 where less is better; value, low and high are as measured
    margin: float = 0.0
    refuted: bool = False  #: True where something else already speaks against the claim
    note: str = ""

    @property
    def verdict(self) -> str:
        low, high = sorted((self.sign * self.low + self.margin, self.sign * self.high + self.margin))
        if self.n < FEWEST:
            return "unclear"
        if self.refuted or high < 0:
            return "not reproduced"
        return "reproduced" if low > 0 else "unclear"

    @property
    def sentence(self) -> str:
        scale, digits = (100, "+.1f") if self.unit == "points" else (1, "+.3g")
        value, low, high = (format(scale * x, digits) for x in (self.value, self.low, self.high))
        return f"{self.subject}: {value} {self.unit}".rstrip() + f" [{low}, {high}]{self.note}"


def verdicts(results: Mapping[str, Result]) -> pd.DataFrame:
    """A row for each finding in ``results`` (by experiment, all of one task), in the order of the claims.

    Columns: claim, task, figure, sentence, value, low, high, n, verdict.
    """
    readers = {
        "table1_success": _success, "fig2_landscape": _landscape, "fig3_efficiency": _efficiency,
        "fig4_gap": _gap, "robotics": _deformable,
    }  # fmt: skip
    rows = [
        [f.claim, result.task, name, f.sentence, f.value, f.low, f.high, f.n, f.verdict]
        for name, result in results.items()
        if name in readers
        for f in readers[name](result.tables)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("claim", kind="stable", ignore_index=True)


def sentences(table: pd.DataFrame) -> str:
    """The findings for people, under the claim that each belongs to."""
    lines = []
    for claim, rows in table.groupby("claim"):
        lines.append(f"Claim {claim}. {CLAIMS[claim]}")
        lines += [f"  {row.task}: {row.sentence} -> {row.verdict}" for row in rows.itertuples()]
    return "\n".join(lines)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """How many findings of each claim (rows) and task (columns) are reproduced, as in "3 of 4"."""
    counts = table.groupby(["claim", "task"])["verdict"].agg(
        lambda column: f"{(column == 'reproduced').sum()} of {len(column)}"
    )
    return counts.unstack("task")


def _success(tables: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """Claims 1 to 3, from the paper's own criterion."""
    pairs, differences = (tables[name][tables[name].criterion == "full"] for name in ("pairs", "differences"))
    base = pairs[(pairs.model == "base") & (pairs["mode"] == "open")]
    for goals, rows in base.groupby("goals", sort=False):
        for less, more in (("gd", "adam"), ("adam", "cem")):
            interval = paired(rows[rows.planner == more], rows[rows.planner == less], "success", "pair")
            names = {"gd": "GD", "adam": "Adam", "cem": "CEM"}
            subject = f"{names[more]} minus {names[less]}, Base, open loop, {_goals(goals)}"
            yield Finding(1, "table1_success", subject, *interval, n=rows["pair"].nunique(), unit="points")
    for row in differences.itertuples():
        planner = NAMES.get(row.planner, "CEM")
        if row.ours == "adversarial" and row.theirs in ("base", "control") and row.mode == "open" and planner != "CEM":
            subject = f"Adversarial minus {NAMES[row.theirs]}, {planner}, open loop, {_goals(row.goals)}"
            yield _points(2, "table1_success", subject, row)
        if (row.ours, row.theirs, row.planner, row.mode) == ("adversarial", "base (cem)", "adam", "mpc"):
            subject = f"Adam on Adversarial minus CEM on Base, MPC, {_goals(row.goals)}"
            yield _points(3, "table1_success", subject, row, margin=MARGIN)


def _landscape(tables: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """Claim 6."""
    rows = tables["differences"]
    for row in rows[(rows.ours == "adversarial")].itertuples():
        subject = f"{row.measure} of the loss, Adversarial minus {NAMES[row.theirs]}"
        interval = (row.difference, row.low, row.high)
        sign = -1 if row.measure == "roughness" else 1
        yield Finding(6, "fig2_landscape", subject, *interval, n=row.n, sign=sign)


def _efficiency(tables: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """Claim 4: the best of GD's and Adam's budgets within a tenth of CEM's time on the same model, by either clock.

    Without a start from the network, which the paper's Figure 3 does not have.
    """
    clocks = {"batch": "all problems together", "single": "one plan alone"}
    rows = tables["ratios"]
    rows = rows[(rows.rule == "a tenth") & (rows.model == rows.reference) & rows.model.isin(("base", "adversarial"))]
    for row in rows[rows.planner.isin(("gd", "adam"))].itertuples():
        subject = f"{NAMES[row.planner]} minus CEM, {NAMES[row.model]}, {clocks[row.clock]}"
        note = f" in {row.ratio:.2g} of CEM's time"
        note += "" if row.met else ", the least there is"
        yield _points(4, "fig3_efficiency", subject, row, margin=MARGIN, refuted=not row.met, note=note)


def _gap(tables: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """Claim 5. What became of the planned and the expert error stands beside each gap, which is their difference."""
    gaps, differences = tables["gaps"], tables["differences"]
    for row in gaps[(gaps.kind == "gap") & (gaps.model == "base")].to_dict("records"):
        subject = f"gap of Base, {NAMES[row['planner']]}, {_goals(row['goals'])}"
        yield Finding(5, "fig4_gap", subject, row["mean"], row["low"], row["high"], row["n"])
    keys = ["goals", "planner", "ours", "theirs"]
    parts = differences.pivot_table(index=keys, columns="kind", values="difference")
    for row in differences[(differences.kind == "gap") & differences.ours.isin(("online", "adversarial"))].itertuples():
        subject = f"gap of {NAMES[row.ours]} minus {NAMES[row.theirs]}, {NAMES[row.planner]}, {_goals(row.goals)}"
        planned, expert = parts.loc[(row.goals, row.planner, row.ours, row.theirs), ["planned", "expert"]]
        note = f" (planned error {planned:+.3g}, expert error {expert:+.3g})"
        yield Finding(5, "fig4_gap", subject, row.difference, row.low, row.high, row.n, sign=-1, note=note)


def _deformable(tables: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    """Claim 7, on the final distance in open loop, which is averaged over the training seeds."""
    rows = tables["differences"]
    rows = rows[
        (rows["mode"] == "open") & rows.ours.isin(("online", "adversarial")) & rows.planner.isin(("gd", "adam"))
    ]
    for row in rows.itertuples():
        subject = f"Chamfer distance, {NAMES[row.ours]} minus {NAMES[row.theirs]}, {NAMES[row.planner]}, open loop"
        subject += f", {_goals(row.goals)}"
        yield Finding(7, "robotics", subject, row.difference, row.low, row.high, row.n, sign=-1)


def _points(claim: int, figure: str, subject: str, row, **options) -> Finding:
    return Finding(claim, figure, subject, row.difference, row.low, row.high, row.n, unit="points", **options)


def _goals(kind: str) -> str:
    return {"dataset": "data-set goals", "random": "random goals"}[kind]
