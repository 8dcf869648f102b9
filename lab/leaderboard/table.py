"""The leaderboard: all committed entries as one table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lab.errors import LabError
from lab.evaluation.statistics import Interval
from lab.files import ROOT, model_folder
from lab.leaderboard.entry import load_entry
from lab.models import weights_hash
from lab.plots.palette import label
from lab.studies.common.stored import REFERENCE
from lab.tasks import TASKS

FOLDER = ROOT / REFERENCE / "leaderboard"
SUBMIT = "python -m lab evaluate my_model.py:model --task wall --name mine"  #: the command that makes an entry
GROUP = ("task", "goals", "mode", "planner")  #: entries are compared within one
HEAD = [*GROUP, "model", "n", "training seeds", "success, %", "minus our base, points", "no action / random, %"]


def leaderboard(folder: Path = FOLDER) -> pd.DataFrame:
    """The entries in ``folder`` as texts, a row each: the best of each task, kind of goals, mode and planner first.

    Success is by the paper's criterion; it and its paired difference have 95% intervals. Times stand in the entries
    alone: machines differ. Raises LabError as `load_entry` does, and for an entry with another base model.
    """
    entries = sorted(map(_entry, folder.glob("*.json")), key=_place)
    return pd.DataFrame([_row(entry) for entry in entries], columns=HEAD)


def _entry(path: Path) -> dict[str, Any]:
    entry = load_entry(path)
    if entry.get("base_weights") != weights_hash(model_folder(entry["task"], "base")):
        raise LabError(f"{path} is compared with another base model than the shipped one: measure it again.")
    return entry


def _place(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    others = [entry[name] for name in GROUP[1:]]
    return list(TASKS).index(entry["task"]), *others, -entry["rates"]["full"][0], entry["name"]


def _row(entry: Mapping[str, Any]) -> list[str]:
    group, counts = [label(entry[name]) for name in GROUP], [str(entry[name]) for name in ("n", "train_seeds")]
    rate, gain = (_percent(entry[name]["full"]) for name in ("rates", "minus_base"))
    is_base = {model["weights"] for model in entry["models"]} == {entry["base_weights"]}  # nothing to compare
    floors = [f"{100 * entry['floors'][name]['full'][0]:.0f}" for name in ("nothing", "random")]
    return [*group, entry["name"], *counts, f"{rate:.0f}", "–" if is_base else f"{gain:+.1f}", " / ".join(floors)]


def _percent(numbers: Sequence[float]) -> Interval:
    return Interval(*(100 * number for number in numbers))
