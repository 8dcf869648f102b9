"""The table of ``figures/README.md`` on the settings of the planners, with a row for each planner."""

from collections.abc import Iterator, Mapping

from lab.plots.palette import LABELS, label
from lab.plots.words import points
from lab.results import Result
from lab.studies.tuning.study import CANDIDATES, chosen


def rows(results: Mapping[str, Result]) -> Iterator[list[str]]:
    """Head and rows of a table: by planner and task, the setting that was chosen, and the one it replaced."""
    yield ["planner", *map(label, results)]
    for planner in CANDIDATES:
        yield [LABELS[planner], *(_cell(result, planner) for result in results.values())]


def _cell(result: Result, planner: str) -> str:
    """The setting with its success in %, averaged over kinds of goals, and what it was compared with."""
    rates = result.tables["planners"].query("planner == @planner")
    success = rates.groupby("setting").value.mean()
    differences = result.tables["differences"].query("planner == @planner")
    setting, before = chosen(differences)[planner], differences.present.iloc[0]
    text = f"{100 * success[setting]:.0f} with {setting}"
    if setting == before:
        return text
    (row,) = differences[differences.setting == setting].itertuples()
    return f"**{text}**, {points(row)} to {before}"
