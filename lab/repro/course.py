"""The course: the notebooks in the order in which to read them, from the studies' cards. `lab.repro.readme` writes it.

It stands as tables in ``notebooks/README.md``, and as two lines in each notebook: below the title where one is, and in
the last cell what comes next.
"""

import math
import re

import nbformat

from lab.files import ROOT, replacing
from lab.presets import PRESETS
from lab.studies.common.card import Study
from lab.studies.registry import FOLDER, STUDIES

COURSE = ROOT / "notebooks" / "README.md"
PARTS = {"idea": "the idea", "paper": "the paper's figures and tables", "beyond": "beyond the paper"}
LAST = "course-next"  #: the id of a notebook's last cell


def write() -> None:
    """Write the tables and the lines of all notebooks."""
    with replacing(COURSE) as temporary:
        temporary.write_text(put(COURSE.read_text("utf-8")), "utf-8")
    for study in STUDIES.values():
        path = FOLDER / f"{study.name}.ipynb"
        notebook = signed(nbformat.read(path, as_version=4), study)
        with replacing(path) as temporary:
            nbformat.write(notebook, temporary)


def put(text: str) -> str:
    """``text`` with the table of a part's studies between each ``<!-- PART -->`` and ``<!-- end -->``."""
    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", _table, text, flags=re.DOTALL)


def signed(notebook: nbformat.NotebookNode, study: Study) -> nbformat.NotebookNode:
    """``notebook`` with the two lines of ``study``, in place of those that it has."""
    title, _, rest = notebook.cells[0].source.partition("\n")
    rest = re.sub(r"\A\s*(\*Part \d.*\*$)?\s*", "", rest, flags=re.MULTILINE)
    notebook.cells[0].source = f"{title}\n\n{where(study)}\n\n{rest}".rstrip()
    if notebook.cells[-1].id != LAST:
        notebook.cells.append(nbformat.v4.new_markdown_cell(id=LAST))
    notebook.cells[-1].source = what_next(study)
    return notebook


def where(study: Study) -> str:
    """Where ``study`` stands in the course, and how long its notebook runs."""
    part = [other for other in ordered() if other.part == study.part]
    place = f"{part.index(study) + 1} of {len(part)}"
    number = [*PARTS].index(study.part) + 1
    return f"*Part {number} of [the course](README.md), {PARTS[study.part]}: {place}. Runs in about {_time(study)}.*"


def what_next(study: Study) -> str:
    """The notebook after that of ``study``, and what it teaches."""
    later = ordered()[ordered().index(study) + 1 :]
    if not later:
        return "*This was the last notebook of [the course](README.md).*"
    return f"*Next: [{later[0].name}]({later[0].name}.ipynb): {later[0].teaches}.*"


def ordered() -> list[Study]:
    """All studies, part by part, and within a part by chapter."""
    return sorted(STUDIES.values(), key=lambda study: [*PARTS].index(study.part))


def _table(marked: re.Match[str]) -> str:
    rows = [_row(study) for study in ordered() if study.part == marked[1]]
    return "\n".join([f"<!-- {marked[1]} -->", "| | teaches | runs in |", "| --- | --- | --- |", *rows, "<!-- end -->"])


def _row(study: Study) -> str:
    return f"| [{study.name}]({study.name}.ipynb) | {study.teaches} | {_time(study)} |"


def _time(study: Study) -> str:
    """Rough, at preset quick."""
    seconds = study.seconds(PRESETS["quick"])
    return f"{5 * math.ceil(seconds / 5)} s" if seconds <= 55 else f"{math.ceil(seconds / 60)} min"
