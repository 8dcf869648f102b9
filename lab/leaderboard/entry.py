"""An entry of the benchmark: success of a world model on the frozen problems, and all that is needed to judge it.

A model may be given once for each training seed: its rate and its difference to the lab's base model then have
intervals over problems and training seeds, see `lab.evaluation.statistics`. All are planned for by the same planner,
whose settings stand on the task's card, and all get the same problems and the same random numbers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

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
from lab.options import completed, plain
from lab.planning import MODES, MPC, PLANNERS, Constant, Planner, RandomActions
from lab.planning.planner import IterativePlanner
from lab.studies.common.config import surroundings
from lab.studies.common.fingerprint import code_hash
from lab.studies.table1_success.study import do_nothing

FORMAT = "wm-lab-entry/1"
NAME = re.compile(r"[A-Za-z0-9][\w.+ -]{0,59}", re.ASCII)  #: of an entry, and so of a file
FLOORS = ("nothing", "random")  #: what needs no model: no action, and random ones


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

    @property
    def whole(self) -> bool:
        """Whether it has all of the frozen problems."""
        return self.n == described(self.task, self.goals)["n"]

    def make_planner(self) -> IterativePlanner:
        """The planner with the settings of the task's card."""
        return self.card.settings.planner(self.planner, self.mode)

    def plans(self) -> "Plans":
        """All that decides a plan beside the model, by the task's card."""
        card = self.card.settings
        return Plans(self.make_planner(), MODES[self.mode], card.proprio, card.decay)

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
class Plans:
    """All settings of a plan: entries of other ones cannot be compared."""

    planner: IterativePlanner
    mode: MPC
    proprio: float
    decay: float | None


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


def enter(
    name: str, submissions: Sequence[Submission], track: Track, planner: Planner, device: torch.device | str = "cpu"
) -> dict[str, Any]:
    """The entry called ``name`` of a world model, given once for each training seed; ``planner`` is the track's.

    The base model is on the ``device``, which should be that of the others: the random numbers of another differ.
    Raises LabError where a model does not fit the task, where the problems are not the frozen ones, and for a name that
    no file can have.
    """
    check_name(name)
    problems = frozen_problems(track.task, track.goals)[: track.n]
    base = load_model(model_folder(track.task, "base"), device)
    ours = [Measured.of(submission.model, planner, problems, track) for submission in submissions]
    theirs = Measured.of(base, planner, problems, track)
    floors: dict[str, Planner] = {"nothing": Constant(do_nothing(base)), "random": RandomActions()}
    without = {kind: [Measured.of(base, floor, problems, track)] for kind, floor in floors.items()}
    by_problem = {
        key: {who: [_marks(one.success[key]) for one in many] for who, many in groups.items()}
        for groups in [{"models": ours, "base": [theirs], **without}]
        for key in theirs.success
    }
    return {
        "format": FORMAT,
        "name": name,
        **asdict(track),
        "settings": plain(track.plans()),
        "problems": described(track.task, track.goals),
        "train_seeds": len(submissions),
        **numbers(by_problem),
        "milliseconds": 1000 * sum(one.seconds for one in ours) / (track.n * len(ours)),
        "milliseconds_base": 1000 * theirs.seconds / track.n,
        "by_problem": by_problem,
        "models": [{"code": submission.code, "weights": submission.weights} for submission in submissions],
        "base_weights": state_hash(base),
        "code": code_hash("import lab.leaderboard.entry", [track.task], [track.planner]),
        **surroundings(),
    }


def check_name(name: str) -> None:
    """Raise LabError for what cannot be the name of an entry."""
    if not NAME.fullmatch(name):
        raise LabError(f"The name of an entry is up to 60 letters, digits, spaces and . _ + -, got {name!r}.")


def _marks(success: np.ndarray) -> str:
    """One 0 or 1 for each problem."""
    return "".join(map(str, success.astype(int)))


def numbers(by_problem: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, Any]:
    """Rates and paired differences with their intervals, by criterion, of the marks of models, base and floors.

    ``by_problem`` has by criterion and by whose they are a text for each training seed, see `_marks`.
    """
    success = {
        who: {key: np.array([[mark == "1" for mark in row] for row in of[who]]).T for key, of in by_problem.items()}
        for who in ("models", "base", *FLOORS)
    }
    rates = {who: {key: list(success_rate(values)) for key, values in of.items()} for who, of in success.items()}
    gains = {key: list(paired_difference(success["models"][key], success["base"][key])) for key in by_problem}
    floors = {kind: rates[kind] for kind in FLOORS}
    return {"rates": rates["models"], "minus_base": gains, "base": rates["base"], "floors": floors}


def summary(entry: Mapping[str, Any]) -> str:
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

    Raises LabError where it is missing or has been changed, is not of all the frozen problems under today's settings,
    and names other numbers than follow from its marks.
    """
    entry = read_manifest(path, FORMAT)
    try:
        check_name(entry["name"])
        track = Track(**{field.name: entry[field.name] for field in fields(Track)})
        rows = [row for of in entry["by_problem"].values() for many in of.values() for row in many]
        counts = {len(of["models"]) for of in entry["by_problem"].values()} | {len(entry["models"])}
        expected = numbers(entry["by_problem"])
        same_numbers = "full" in expected["rates"] and all(
            _agree(entry[name], value) for name, value in expected.items()
        )
        marks = set("".join(rows))
        settings = completed(entry["settings"], track.plans())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LabError(f"{path} is no whole entry of the benchmark ({error!r}): write it again.") from error
    except LabError as error:
        raise LabError(f"{path} is no entry of the benchmark: {error}") from error
    if entry.get("problems") != described(track.task, track.goals) or {len(row) for row in rows} != {track.n}:
        raise LabError(f"{path} is not of the {track.n} problems that it names: measure it again.")
    if not track.whole:
        raise LabError(f"{path} is of the first {track.n} problems: an entry is of all, so leave out --problems.")
    if not same_numbers or counts != {entry.get("train_seeds")} or not marks <= {"0", "1"}:
        raise LabError(f"{path} names other numbers than follow from its marks: measure it again.")
    if settings != plain(track.plans()):
        raise LabError(
            f"{path} is of other settings of the planner than the card of {track.task} has: measure it again."
        )
    return entry


def _agree(found: Any, expected: Any) -> bool:
    """Whether numbers are the same up to rounding, which differs from one processor to the next."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_agree(found[name], value) for name, value in expected.items())
    return len(found) == len(expected) and bool(np.allclose(found, expected, rtol=0, atol=1e-9))
