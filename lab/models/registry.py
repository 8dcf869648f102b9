"""World models of other packages, by name: the folder of each, as `lab.models.save_model` writes it.

A package offers its own by entry points of ``wm_lab.models``: their name = a path. Loads without torch.
"""

import re
from pathlib import Path

from lab.errors import LabError
from lab.registry import Registry

FOLDERS: Registry[Path | str] = Registry("wm_lab.models", {})
NAME = re.compile("[a-z0-9_]+")


def register(name: str, folder: Path | str) -> None:
    """Make the world model in ``folder`` known by a ``name``; raises LabError for a name that is none."""
    if not NAME.fullmatch(name):
        raise LabError(f"A world model's name is of small letters, digits and _, got '{name}': choose another.")
    FOLDERS.registered[name] = folder
