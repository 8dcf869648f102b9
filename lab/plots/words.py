"""Estimates and their intervals as text, the same in every table, hover text and sentence."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

GOALS = {"dataset": "data-set goals", "random": "random goals"}
MODES = {"open": "open loop", "mpc": "MPC"}
AUTHORS_MODES = {"authors_open": "open loop as the authors", "authors_mpc": "MPC as the authors"}


def horizons(modes: Iterable[str]) -> str:
    """What the ``modes`` of a table plan under MPC, ours and the authors'."""
    theirs = "; as the authors: fixed horizon, their loss weights and planner settings"
    return "MPC: shrinking horizon" + (theirs if set(AUTHORS_MODES) & set(modes) else "")


def resampled(table: pd.DataFrame) -> str:
    """Over what the intervals of a table of averages are; those of version 0.1's tables are over problems alone."""
    both = "low_problems" in table and table.seeds.max() > 1
    return "problems and training seeds" if both else "problems"


def interval(row: Any, value: str = "difference", scale: float = 1, digits: str = "+.3g", unit: str = "") -> str:
    """``+0.12 [+0.03, +0.21]``: the estimate ``value`` of a row with its ``low`` and ``high``, times ``scale``."""
    estimate, low, high = (format(scale * getattr(row, name), digits) for name in (value, "low", "high"))
    return f"{estimate}{unit} [{low}, {high}]"


def percent(row: Any, value: str = "rate", digits: int = 0, unit: str = "") -> str:
    """``82 [75, 88]``: a share in percent with its interval."""
    return interval(row, value, 100, f".{digits}f", unit)


def points(row: Any, digits: int = 1) -> str:
    """``+12.3 points [+4.5, +20.1]``: a difference in success with its interval."""
    return interval(row, scale=100, digits=f"+.{digits}f", unit=" points")


def in_cells(table: pd.DataFrame, cells: list[str], index: list[str], columns: str) -> pd.DataFrame:
    """``cells``, a text for each row of ``table``, laid out by ``index`` and ``columns``; missing cases are empty."""
    wide = table.assign(cell=cells).pivot_table(
        index=index, columns=columns, values="cell", aggfunc="first", sort=False
    )
    return wide.fillna("")


def counted(n: int, what: str) -> str:
    """``3 problems``, ``1 problem``."""
    return f"{n} {what}" + ("s" if n != 1 else "")
