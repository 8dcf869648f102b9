"""The table of ``figures/README.md`` on the settings of the planners, with a row for each planner."""

from collections.abc import Iterator, Mapping

from lab.plots.palette import LABELS, label
from lab.plots.words import points
from lab.results import Result
from lab.studies.tuning.study import CANDIDATES, chosen


def rows(results: Mapping[str, Result]) -> Iterator[list[str]]:
    """Head and rows of a table: by planner and task, the setting that was chosen, and the difference that decided."""
    yield ["planner", *map(label, results)]
    for planner in CANDIDATES:
        yield [LABELS[planner], *(_cell(result, planner) for result in results.values())]


def _cell(result: Result, planner: str) -> str:
    """The chosen setting with its success in %, and what decided.

    That is its difference to the setting that it replaced, or that of the best other one to it.
    """
    rates = result.tables["planners"].query("planner == @planner")
    differences = result.tables["differences"].query("planner == @planner")
    setting = chosen(differences)[planner]
    text = f"{100 * rates[rates.setting == setting].value.mean():.0f} with {setting}"
    if (replaced := differences[differences.setting == setting]).empty:
        (best,) = differences.nlargest(1, "difference").itertuples()
        return f"{text}; {best.setting}: {points(best)}"
    (row,) = replaced.itertuples()
    return f"**{text}**: {points(row)} to {row.former}"
