"""What the environment variables of the lab say. Only faces ask: commands, pages, and the runner of notebooks.

``$LAB_CACHE`` apart, see `lab.files.cache_root`, nothing below them reads the environment: what decides a result is
passed down, and what does not is set once in `lab.machine`.
"""

import os
from pathlib import Path

from lab.errors import LabError, check_known
from lab.files import FAMILIES
from lab.machine import MACHINE


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

    Raises LabError for a number that is none.
    """
    text, folder = os.environ.get("LAB_PROCESSES", ""), os.environ.get("LAB_DINO", "")
    if text and (not text.isdecimal() or int(text) < 1):
        raise LabError(f"LAB_PROCESSES must be a whole number from 1, got '{text}'.")
    MACHINE.processes = int(text) if text else None
    MACHINE.dino = Path(folder).resolve() if folder else None
