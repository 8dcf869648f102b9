"""What the environment variables of the lab say. Only faces ask: commands, pages, and the runner of notebooks.

``$LAB_CACHE`` apart, see `lab.files.cache_root`, nothing below them reads the environment: what decides a result is
passed down, and what does not is set once in `lab.machine`.
"""

import os
from argparse import ArgumentTypeError
from pathlib import Path

from lab.arguments import whole_number
from lab.errors import LabError, check_known
from lab.files import FAMILIES
from lab.machine import MACHINE

MOST_PROCESSES = 1024  #: more are a slip
#: Threads that wait for others spin 300,000 rounds by default, on cores that the others may need. Where two other
#: programs kept both cores busy, two threads took 68 to 152 ms for a step of training, and 7 with 1000 rounds; on idle
#: cores both took 3 to 4.
SPINS = "1000"


def family() -> str:
    """The family of models that ``$LAB_RECIPE`` names (default: small). Raises LabError for an unknown one."""
    named = os.environ.get("LAB_RECIPE", FAMILIES[0])
    check_known("LAB_RECIPE", named, FAMILIES)
    return named


def read_only() -> bool:
    """Whether ``$LAB_APP_READONLY`` is 1: the app then starts no runs and takes no files, as a public host wants it.

    Raises LabError for anything but 0 and 1.
    """
    text = os.environ.get("LAB_APP_READONLY") or "0"
    if text not in ("0", "1"):
        raise LabError(f"LAB_APP_READONLY must be 0 or 1, got '{text}'.")
    return text == "1"


def use_machine() -> None:
    """Have this process simulate in ``$LAB_PROCESSES`` processes, and look for DINOv2 weights in ``$LAB_DINO``.

    Threads of torch, if it is not loaded yet, and of all processes started from here, spin for ``$GOMP_SPINCOUNT``
    rounds before they sleep, `SPINS` unless it is set. Raises LabError for a number of processes that is none, or too
    large.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    text, folder = os.environ.get("LAB_PROCESSES", ""), os.environ.get("LAB_DINO", "")
    try:
        MACHINE.processes = whole_number(1, MOST_PROCESSES)(text) if text else None
    except ArgumentTypeError as error:
        raise LabError(f"LAB_PROCESSES: {error}.") from error
    MACHINE.dino = Path(folder).resolve() if folder else None
