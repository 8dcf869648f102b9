"""The frozen problems: what is drawn today is compared with the SHA-256 of what was drawn when the benchmark was made.

``python -m lab.leaderboard.manifest`` writes ``problems.json`` anew: every entry is then one of another benchmark.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lab.benchmarks import card_of
from lab.checksums import read_manifest, sha256, write_manifest
from lab.data import Problems
from lab.errors import LabError, check_known
from lab.files import PACKAGE
from lab.studies.common.protocol import Protocol
from lab.tasks import TASKS, make_task

FORMAT = "wm-lab-problems/1"
PATH = PACKAGE / "leaderboard" / "problems.json"
COUNT, SLOW_COUNT = 300, 50  #: problems for each kind of goals; of tasks whose pushes take milliseconds
DECIMALS = 6  #: that are compared: the last bits of a simulated state differ from one processor to the next


def protocol_of(task: str, goals: str) -> Protocol:
    """The protocol of the frozen problems: those of the test split, seed 0."""
    return Protocol(task, goals, SLOW_COUNT if make_task(task).slow else COUNT)


def described(task: str, goals: str) -> Mapping[str, Any]:
    """Number, split, seed, and SHA-256 of starts and goals, as committed. Raises LabError for unknown names."""
    tasks = read_manifest(PATH, FORMAT)["tasks"]
    check_known("task of the benchmark", task, tasks)
    check_known(f"goals of {task}", goals, tasks[task])
    return tasks[task][goals]


def frozen_problems(task: str, goals: str) -> Problems:
    """The problems that every entry is measured on. Raises LabError where other ones are drawn than were frozen."""
    expected, protocol = described(task, goals), protocol_of(task, goals)
    problems = protocol.problems()
    if _description(protocol, problems) != expected:
        raise LabError(
            f"The {goals} problems of {task} that this machine draws are not those of the benchmark ({PATH.name}): "
            "take the versions of requirements.txt, and no changed simulator."
        )
    return problems


def _description(protocol: Protocol, problems: Problems) -> dict[str, Any]:
    states = {"starts": _hash(problems.starts), "goals": _hash(problems.goals)}
    return {"n": protocol.n, "split": protocol.split, "seed": protocol.seed, **states}


def _hash(states: np.ndarray) -> str:
    """SHA-256 of states (n, S), rounded to `DECIMALS`."""
    return sha256((np.round(states, DECIMALS) + 0.0).astype("<f8").tobytes())  # 0.0: no negative zeros


def write() -> None:
    """Draw the problems of all built-in tasks, and freeze them."""
    tasks: dict[str, dict[str, Any]] = {}
    for task in TASKS.built_in:
        protocols = {goals: protocol_of(task, goals) for goals in card_of(task).goals}
        tasks[task] = {goals: _description(protocol, protocol.problems()) for goals, protocol in protocols.items()}
    write_manifest(PATH, {"format": FORMAT, "tasks": tasks})


if __name__ == "__main__":
    write()
