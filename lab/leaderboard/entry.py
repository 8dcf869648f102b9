"""An entry of the benchmark: success of a world model on the frozen problems, and all that is needed to judge it.

A model may be given once for each training seed: its rate and its difference to the lab's base model then have
intervals over problems and training seeds, see `lab.evaluation.statistics`. All are planned for by the same planner,
whose settings stand on the task's card, and all get the same problems and the same random numbers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from lab.benchmarks import Card, card_of
from lab.checksums import read_manifest, write_manifest
from lab.data import Problems
from lab.errors import LabError, check_known, is_whole
from lab.evaluation.statistics import Interval, paired_difference, success_rate
from lab.evaluation.success import evaluate
from lab.files import model_folder
from lab.leaderboard.manifest import described, frozen_problems
from lab.leaderboard.submission import Submission
from lab.models import Evaluable, load_model
from lab.models.checkpoint import state_hash
from lab.models.protocols import steps_per_block
from lab.planning import MODES, MPC, PLANNERS, Constant, Planner, RandomActions
from lab.planning.planner import IterativePlanner
from lab.studies.common.config import surroundings
from lab.studies.common.fingerprint import code_hash
from lab.studies.table1_success.study import do_nothing

FORMAT = "wm-lab-entry/1"
NAME = re.compile(r"[A-Za-z0-9][\w.+ -]{0,59}", re.ASCII)  #: of an entry, and so of a file


@dataclass(frozen=True)
class Track:
    """What an entry is measured on. Raises LabError for a name that is not known, and for a number that is none."""

    task: str
    goals: str = "dataset"
    planner: str = "adam"
    mode: str = "open"  #: or mpc
    n: int = 0  #: the first so many of the frozen problems; 0: all, without which no entry is listed

    def __post_init__(self) -> None:
        check_known("planner", self.planner, PLANNERS)
        check_known("mode", self.mode, MODES)
        most = described(self.task, self.goals)["n"]
        if not is_whole(self.n, 0, most):
            raise LabError(f"The benchmark has {most} {self.goals} problems of {self.task}, got {self.n!r}.")
        object.__setattr__(self, "n", self.n or most)

    @property
    def card(self) -> Card:
        return card_of(self.task)

    def make_planner(self) -> IterativePlanner:
        """The planner with the settings of the task's card."""
        return self.card.settings.planner(self.planner, self.mode)

    def mpc(self, model: Evaluable) -> MPC:
        """The mode in blocks of ``model``. Raises LabError where they do not divide the task's own blocks evenly."""
        steps, task = steps_per_block(model), self.card.task
        blocks, rest = divmod(task.frameskip, steps)
        if rest:
            raise LabError(
                f"A block of a world model of {self.task} has {task.frameskip} steps, or a divisor of that many, "
                f"got {steps}."
            )
        mode = MODES[self.mode]
        return replace(mode, horizon=blocks * mode.horizon, execute=blocks * mode.execute)


@dataclass(frozen=True)
class Measured:
    """By criterion, whether each goal was reached (B,), and the ``seconds`` of planning for all problems."""

    success: Mapping[str, np.ndarray]
    seconds: float

    @classmethod
    def of(cls, model: Evaluable, planner: Planner, problems: Problems, track: Track) -> Self:
        """``model`` under ``planner``. Raises LabError as `evaluate` does."""
        settings = track.card.settings
        outcome = evaluate(model, planner, problems, track.mpc(model), proprio=settings.proprio, decay=settings.decay)
        return cls(outcome.success, outcome.seconds)


def enter(name: str, submissions: Sequence[Submission], track: Track, planner: Planner) -> dict[str, Any]:
    """The entry called ``name`` of a world model, given once for each training seed; ``planner`` is the track's.

    Raises LabError where a model does not fit the task, where the problems are not the frozen ones, and for a name that
    no file can have.
    """
    if not NAME.fullmatch(name):
        raise LabError(f"The name of an entry is up to 60 letters, digits, spaces and . _ + -, got '{name}'.")
    problems = frozen_problems(track.task, track.goals)[: track.n]
    base = load_model(model_folder(track.task, "base"))
    floors: dict[str, Planner] = {"nothing": Constant(do_nothing(base)), "random": RandomActions()}
    ours = [Measured.of(submission.model, planner, problems, track) for submission in submissions]
    theirs = Measured.of(base, planner, problems, track)
    without = {kind: Measured.of(base, floor, problems, track) for kind, floor in floors.items()}
    success = {key: np.stack([one.success[key] for one in ours], axis=1) for key in theirs.success}
    return {
        "format": FORMAT,
        "name": name,
        **asdict(track),
        "options": dict(track.card.settings.described(track.planner)),
        "problems": described(track.task, track.goals),
        "train_seeds": len(submissions),
        "rates": {key: list(success_rate(values)) for key, values in success.items()},
        "minus_base": {key: list(paired_difference(success[key], theirs.success[key])) for key in success},
        "base": _rates(theirs),
        "floors": {kind: _rates(floor) for kind, floor in without.items()},
        "milliseconds": 1000 * sum(one.seconds for one in ours) / success["full"].size,
        "milliseconds_base": 1000 * theirs.seconds / track.n,
        "by_problem": ["".join(map(str, row.astype(int))) for row in success["full"].T],
        "models": [{"code": submission.code, "weights": submission.weights} for submission in submissions],
        "base_weights": state_hash(base),
        "code": code_hash("import lab.leaderboard.entry", [track.task], [track.planner]),
        **surroundings(),
    }


def _rates(measured: Measured) -> dict[str, list[float]]:
    return {key: list(success_rate(values)) for key, values in measured.success.items()}


def told(entry: Mapping[str, Any]) -> str:
    """``entry`` in words, a line for each number."""
    lines = [f"{entry['name']} on {entry['n']} {entry['goals']} problems of {entry['task']}, {entry['mode']}:"]
    for key in entry["rates"]:
        rate, gain, base = (Interval(*entry[name][key]) for name in ("rates", "minus_base", "base"))
        floors = ", ".join(f"{name} {values[key][0]:.0%}" for name, values in entry["floors"].items())
        lines.append(f"  success ({key}): {rate:.0%}; base {base:.0%}; minus base {gain:+.0%}; floors: {floors}")
    return "\n".join([*lines, f"  planning time: {entry['milliseconds']:.1f} ms per problem"])


def save_entry(entry: Mapping[str, Any], path: Path) -> None:
    """Write ``entry`` as JSON with its SHA-256."""
    write_manifest(path, entry)


def load_entry(path: Path) -> dict[str, Any]:
    """What `save_entry` wrote.

    Raises LabError where it is missing or has been changed, is of other problems than the frozen ones or of a part of
    them, or names another rate than follows from its problems.
    """
    entry = read_manifest(path, FORMAT)
    try:
        frozen, rows = described(entry["task"], entry["goals"]), entry["by_problem"]
        rate, names = Interval(*entry["rates"]["full"]).value, [*map(str, rows)]
    except (KeyError, TypeError) as error:
        raise LabError(f"{path} is no whole entry of the benchmark ({error!r}): write it again.") from error
    if entry.get("problems") != frozen or {len(row) for row in names} != {frozen["n"]}:
        raise LabError(f"{path} is not of the benchmark's {frozen['n']} problems: measure it again.")
    if abs(np.mean([mark == "1" for row in names for mark in row]) - rate) > 1e-9:
        raise LabError(f"{path} names another rate than that of its problems: measure it again.")
    return entry
