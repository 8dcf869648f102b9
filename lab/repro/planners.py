"""How far each planner gets with the base model: the second table of README.md."""

from collections.abc import Iterator

import pandas as pd

from lab.plots.palette import LABELS, label
from lab.plots.words import GOALS, MODES, percent
from lab.repro.short import Committed
from lab.studies.common.judge import MARGIN, verdict
from lab.studies.starts.study import NAME as STARTS
from lab.studies.starts.study import STARTED
from lab.studies.table1_success.study import NAME as TABLE1

PLANNERS = ("adam", "restarts", STARTED, "cem")
CASE = ["task", "goals", "mode", "planner"]


def rows(committed: Committed) -> Iterator[list[str]]:
    """The head, then a row for each mode and planner: success in % [95% interval] by task and kind of goals.

    Bold is better than CEM, by the interval of the paired difference; italic is as good, which allows `MARGIN`.
    """
    table = _base(committed).set_index(CASE)
    columns = list(dict.fromkeys((task, goals) for task, goals, *_ in table.index))
    yield ["", "planner", *(f"{label(task)}, {GOALS[goals]}" for task, goals in columns)]
    for mode in MODES:
        for planner in PLANNERS:
            yield [LABELS[mode], LABELS[planner], *(_cell(table.loc[*column, mode, planner]) for column in columns)]


def _base(committed: Committed) -> pd.DataFrame:
    """Success of every planner on the base model, and how it differs from CEM's (``low_minus_cem``, ``high_...``)."""
    parts = []
    for task, studies in committed.items():
        if {TABLE1, STARTS} <= set(studies):
            table1, starts = studies[TABLE1].tables, studies[STARTS].tables
            noise = table1["differences"].query("criterion == 'full' and ours == 'base' and theirs == 'base (cem)'")
            guess = starts["differences"].query("model == 'base' and theirs == 'base (cem)'")
            rates = [table1["rates"].query("criterion == 'full'"), starts["success"].query("planner == @STARTED")]
            both = pd.concat(rates).query("model == 'base'").assign(task=task)
            minus = pd.concat([noise, guess.assign(planner=guess.ours)]).assign(task=task)
            parts.append(both.merge(minus[[*CASE, "low", "high"]], "left", CASE, suffixes=("", "_minus_cem")))
    return pd.concat(parts)


def _cell(row: pd.Series) -> str:
    text = percent(row)
    if verdict(row.low_minus_cem, row.high_minus_cem) == "better":
        return f"**{text}**"
    return f"*{text}*" if row.low_minus_cem > -MARGIN else text
