"""Every study, found by its folder: what ``python -m lab reproduce`` runs, and for which tasks. Loads without torch.

A study's folder ``lab/studies/<name>/`` holds its card (``__init__.py``), what it measures (``run`` in ``study.py``)
and how that is drawn (``print_figure`` and ``interactive`` in ``figures.py``). Its notebook is
``notebooks/<name>.ipynb``.
"""

import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

from lab.errors import check_known
from lab.files import ROOT
from lab.studies.common.card import Study

FOLDER = ROOT / "notebooks"


def _studies() -> dict[str, Study]:
    packages = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.ispkg]
    modules = [import_module(f"lab.studies.{name}") for name in packages]
    cards = [module.STUDY for module in modules if hasattr(module, "STUDY")]
    return {card.name: card for card in sorted(cards, key=lambda card: card.chapter)}


STUDIES = _studies()  #: by name, in the order of their chapters
MEASURED = tuple(name for name, study in STUDIES.items() if study.measured)  #: those whose result is tables


def figures_of(name: str) -> ModuleType:
    """The module with ``print_figure`` (matplotlib) and ``interactive`` (plotly) of the measured study ``name``.

    Raises LabError for any other name.
    """
    check_known("study", name, MEASURED)
    return import_module(f"lab.studies.{name}.figures")
