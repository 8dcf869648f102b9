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
    """Make the world model in ``folder`` known by a ``name``; raises LabError for a name or a path that is none."""
    FOLDERS.registered[name] = _checked(name, folder)


def folder_of(name: str) -> Path:
    """The folder of a known world model.

    Raises KeyError for an unknown name, and LabError for what a package should not have offered.
    """
    return _checked(name, FOLDERS[name])


def _checked(name: object, folder: object) -> Path:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise LabError(f"A world model's name is of small letters, digits and _, got '{name}': choose another.")
    if not isinstance(folder, str | Path):
        raise LabError(f"The world model '{name}' should be the path of its folder, got {folder!r:.40}.")
    return Path(folder)
