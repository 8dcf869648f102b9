"""The seven rows of README.md: the verdict on each claim of the paper."""

import pandas as pd

from lab.plots.palette import label
from lab.plots.words import counted
from lab.studies.common.claims import CLAIMS, count, in_all

PAGE = "figures/README.md"
#: by claim, the finding whose numbers its row shows: one that all tasks have, compared with the control
SHOWN = {
    1: "CEM minus Adam, Base, open loop, data-set goals",
    2: "Adversarial minus Control, Adam, open loop, data-set goals",
    3: "Adam on Adversarial minus CEM on Base, MPC, data-set goals",
    4: "Adam on Adversarial minus CEM on Base, all problems together",
    5: "gap of Adversarial minus Control, Adam, data-set goals",
    6: "basin of the loss, Adversarial minus Control",
    7: "Chamfer distance, Adversarial minus Control, Adam, open loop, data-set goals",
}


def rows(findings: pd.DataFrame) -> str:
    """A Markdown table of ``findings`` (see `claims.verdicts`): each claim, its verdict, and one finding in numbers.

    A sentence under it counts all of them.
    """
    lines = ["| claim of the paper | here | one of the findings [95% interval] |", "| --- | --- | --- |"]
    lines += [_row(int(str(claim)), its) for claim, its in findings.groupby("claim")]
    return "\n".join([*lines, "", in_all(findings)])


def put(table: str, text: str, place: str = "results") -> str:
    """``text`` with ``table`` between the two markers of this ``place``."""
    begin, end = f"<!-- {place} -->", f"<!-- end of {place} -->"
    before, rest = text.split(begin)
    after = rest.split(end)[-1]
    return f"{before}{begin}\n{table}\n{end}{after}"


def _row(claim: int, findings: pd.DataFrame) -> str:
    """The row of one claim, from its findings."""
    shown = findings[findings.sentence.str.startswith(f"{SHOWN[claim]}: ")]
    numbers = [f"{label(row.task)} {_numbers(row.sentence)}" for row in shown.itertuples()]
    sample = f"({counted(shown.n.max(), 'problem')}, {_seeds(shown.sentence.iloc[0])})"
    cells = [
        f"[{claim}]({PAGE}#claim-{claim}). {CLAIMS[claim]}",
        f"{_verdict(findings.verdict)}<br>{_counts(findings)}",
        f"{SHOWN[claim]}:<br>{'<br>'.join(numbers)}<br>{sample}",
    ]
    return "| " + " | ".join(cells) + " |"


def _numbers(sentence: str) -> str:
    """The numbers of a finding's sentence, without its subject and its note in brackets."""
    return sentence.split(": ")[1].split(" (")[0]


def _seeds(sentence: str) -> str:
    """The training seeds of a finding, which come first in the brackets of its sentence."""
    return sentence.split(" (")[1].split(";")[0].rstrip(")")


def _verdict(verdicts: pd.Series) -> str:
    """The verdict on a claim, from the verdicts on its findings."""
    reproduced = verdicts == "reproduced"
    if reproduced.all():
        return "**reproduced**"
    return "**in part**" if reproduced.any() else "**not reproduced**"


def _counts(findings: pd.DataFrame) -> str:
    """How many findings are reproduced on each task."""
    return "<br>".join(f"{label(task)} {count(rows)}" for task, rows in findings.groupby("task", sort=False))
