"""``python -m lab.repro.report PRESET [OUT]``: ``claims.csv`` and ``index.html`` from all results of a preset.

The page needs only a browser and its own folder, which can be copied, zipped and put on any web server. Only the
interactive figures load plotly from the web.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from lab.errors import LabError
from lab.files import read_json, replacing
from lab.plots.palette import label
from lab.results import load_result, save_table
from lab.studies.common import claims
from lab.studies.common.stored import preset_folder, results_of
from lab.studies.registry import FOLDER, STUDIES
from lab.tasks import TASKS

TEMPLATE = Path(__file__).with_name("report.html.j2")
ROWS = 40  #: of a table that are shown on the page; its file has all


@dataclass(frozen=True)
class Picture:
    """The files of a figure, relative to the page."""

    png: str
    others: dict[str, str]  #: PDF and HTML, by the text of their links


@dataclass(frozen=True)
class Table:
    """A table's file, relative to the page, and its first rows."""

    name: str
    csv: str
    rows: int
    html: str  #: the first `ROWS` rows


@dataclass(frozen=True)
class Section:
    """The result of one notebook, for one task or without a task."""

    id: str
    title: str
    command: str
    pictures: list[Picture]
    tables: list[Table]
    meta: dict[str, Any]


def write_report(preset: str, out: str = "figures", family: str = "small") -> Path:
    """Judge the claims and write the page from all results on disk; returns the page's path."""
    folder = preset_folder(preset, out, family)
    verdicts = write_claims(preset, out, family)
    options = f"--preset {preset}" + ("" if family == "small" else f" --family {family}")
    chapters = {name: list(_sections(folder, name, options)) for name in _names(folder)}
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(TEMPLATE.read_text("utf-8")).render(
        preset=preset,
        chapters=[(name, _title(name), sections) for name, sections in chapters.items() if sections],
        claims=[] if verdicts is None else list(_claims(verdicts)),
        in_all="" if verdicts is None else claims.in_all(verdicts),
        tasks=[] if verdicts is None else list(map(label, _judged(verdicts))),
        shown_rows=ROWS,
    )
    with replacing(folder / "index.html") as temporary:
        temporary.write_text(page, "utf-8")
    return folder / "index.html"


def write_claims(preset: str, out: str, family: str = "small") -> pd.DataFrame | None:
    """Judge the paper's claims by all results, and write ``claims.csv``; None, and no file, without any findings."""
    verdicts = claims.verdicts(*(results_of(task, preset, out, family=family) for task in TASKS))
    if verdicts.empty:
        return None
    save_table(verdicts, preset_folder(preset, out, family) / "claims.csv")
    return verdicts


def _judged(verdicts: pd.DataFrame) -> list[str]:
    return [task for task in TASKS if task in set(verdicts.task)]


def _claims(verdicts: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """For each claim, the counts of reproduced findings on each task, and the findings."""
    counts = claims.summarise(verdicts)
    for claim, rows in verdicts.groupby("claim"):
        by_task = counts.loc[claim]
        cells = [by_task[task] if isinstance(by_task[task], str) else "–" for task in _judged(verdicts)]
        findings = [(label(row.task), row.sentence, claims.judged(row)) for row in rows.itertuples()]
        yield {"number": claim, "text": claims.CLAIMS[claim], "cells": cells, "findings": findings}


def _names(folder: Path) -> list[str]:
    """The names of all folders of results, in the order of the notebooks."""
    names = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    return [name for name in STUDIES if name in names] + sorted(names - set(STUDIES))


def _title(name: str) -> str:
    """The heading of the notebook, or its name if there is no notebook."""
    with suppress(LabError, LookupError):
        return read_json(FOLDER / f"{name}.ipynb")["cells"][0]["source"][0].removeprefix("# ").strip()
    return name


def _sections(folder: Path, name: str, options: str) -> Iterator[Section]:
    """The result in ``folder/name`` and that of each task below it, with the command (``options``) that remakes it."""
    for task in ["", *TASKS]:
        here = folder / name / task
        pictures, (meta, tables) = _pictures(here, folder), _tables(here, folder)
        if pictures or tables:
            words = f"{options} --only {name}" + (f" --task {task}" if task else "")
            command = f"python -m lab reproduce {words}" if name in STUDIES else ""
            title = label(task) if task else ""
            yield Section("-".join(filter(None, [name, task])), title, command, pictures, tables, meta)


def _pictures(here: Path, folder: Path) -> list[Picture]:
    kinds = {"pdf": "PDF", "html": "interactive (loads plotly from the web)"}
    return [
        Picture(
            png.relative_to(folder).as_posix(),
            {
                text: png.with_suffix(f".{kind}").relative_to(folder).as_posix()
                for kind, text in kinds.items()
                if png.with_suffix(f".{kind}").is_file()
            },
        )
        for png in sorted(here.glob("*.png"))
    ]


def _tables(here: Path, folder: Path) -> tuple[dict[str, Any], list[Table]]:
    """The provenance and the tables of a result; of a notebook that keeps no result, the tables alone."""
    if (here / "meta.json").is_file():
        result = load_result(here)
        return result.meta, [_table(here / f"{name}.csv", folder, table) for name, table in result.tables.items()]
    return {}, [_table(path, folder, pd.read_csv(path)) for path in sorted(here.glob("*.csv"))]


def _table(path: Path, folder: Path, table: pd.DataFrame) -> Table:
    html = table.head(ROWS).to_html(index=False, border=0, float_format="%.4g", na_rep="")
    return Table(path.stem, path.relative_to(folder).as_posix(), len(table), re.sub(r' style="[^"]*"', "", html))


if __name__ == "__main__":
    try:
        print(write_report(*sys.argv[1:]))
    except LabError as error:
        sys.exit(str(error))
