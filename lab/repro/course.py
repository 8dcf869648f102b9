"""The tables of ``notebooks/README.md``, with a row for each study, from its card. `lab.repro.readme` writes them."""

import math
import re

from lab.files import ROOT
from lab.presets import PRESETS
from lab.studies.common.card import Study
from lab.studies.registry import STUDIES

COURSE = ROOT / "notebooks" / "README.md"


def put(text: str) -> str:
    """``text`` with the table of a part's studies between each ``<!-- PART -->`` and ``<!-- end -->``."""
    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", _table, text, flags=re.DOTALL)


def _table(marked: re.Match[str]) -> str:
    rows = [_row(study) for study in STUDIES.values() if study.part == marked[1]]
    return "\n".join([f"<!-- {marked[1]} -->", "| | teaches | time |", "| --- | --- | --- |", *rows, "<!-- end -->"])


def _row(study: Study) -> str:
    return f"| [{study.name}]({study.name}.ipynb) | {study.teaches} | {_rough(study.seconds(PRESETS['quick']))} |"


def _rough(seconds: float) -> str:
    return f"{5 * math.ceil(seconds / 5)} s" if seconds <= 55 else f"{math.ceil(seconds / 60)} min"
