"""The tables of lab/README.md that say how fast simulators and planners are, from the committed measurements."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from lab.evaluation.statistics import exponents
from lab.files import ROOT
from lab.plots.palette import LABELS, label
from lab.plots.words import counted
from lab.results import Result, load_result
from lab.studies.common.stored import REFERENCE

FOLDER = Path(REFERENCE) / "bench"
HEADS = {
    "tasks": ("simulator", "here", "plain loop", "", "other package", ""),
    "planners": ("planner", "here", "plain loop", "", "stable-worldmodel", "", "share of the fastest matmul"),
}


def section() -> str:
    """The tables as Markdown, each with where and how it was measured."""
    parts = [part for name in HEADS if (ROOT / FOLDER / name).is_dir() for part in _part(name)]
    for name, tables in {"scale": _scale, "backends": _backends}.items():
        parts += tables() if (ROOT / FOLDER / name).is_dir() else []
    return "\n\n".join(parts)


def _part(name: str) -> Iterator[str]:
    result = load_result(ROOT / FOLDER / name)
    yield _measured(name, result)
    table = result.tables["rows"]
    if name == "tasks":  # what rows say that name a package is not said again
        named = {what.rpartition(", ")[0] for what in table.what[table.peer.notna()]}
        table = table[~table.what.isin(named)]
    rows = [_row(row, name) for row in table.itertuples()]
    yield "\n".join(f"| {' | '.join(row)} |" for row in (HEADS[name], ["---"] * len(HEADS[name]), *rows))


def _scale() -> Iterator[str]:
    """How an iteration's cost grows with each size of it."""
    result = load_result(ROOT / FOLDER / "scale")
    yield _measured("scale", result)
    rows = [("planner", "grows", "milliseconds", "exponent", "at the end"), ("---",) * 5]
    for (planner, part), curve in result.tables["rows"].groupby(["planner", "part"], sort=False):
        values, seconds = tuple(curve["values"]), tuple(curve.seconds)
        fitted, last = exponents(values, seconds)
        costs = ", ".join(f"{value}: {_figure(1000 * each)}" for value, each in zip(values, seconds, strict=True))
        rows.append((planner, part, costs, f"{fitted:.2f}", f"{last:.2f}"))
    yield "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _backends() -> Iterator[str]:
    """Goals reached in torch, in torch rounded otherwise, and in JAX, and how long one plan takes."""
    result = load_result(ROOT / FOLDER / "backends")
    yield _measured("backends", result)
    rows = [("task", "planner", "torch", "torch, rounded otherwise", "JAX", "ms, torch", "ms, JAX"), ("---",) * 7]
    for (task, planner), sides in result.tables["rows"].groupby(["task", "planner"], sort=False):
        torch, jax = (sides[sides.side == side].iloc[0] for side in ("torch", "jax"))
        copies = ", ".join(_reached(side) for side in sides[sides.side.str.startswith("copy")].itertuples())
        times = _figure(torch.milliseconds), _figure(jax.milliseconds)
        rows.append((label(task), LABELS.get(planner, planner), f"{torch.rate:.1%}", copies, _reached(jax), *times))
    yield "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _reached(side) -> str:
    return f"{side.rate:.1%} ({side.differ})"


def _measured(name: str, result: Result) -> str:
    """A sentence on what is in the table, and where it comes from."""
    meta, versions = result.meta, result.meta["versions"]
    with_jax = " --backend jax" if meta["backend"] == "jax" else ""
    what = {
        "tasks": "Steps, pushes or frames a second",
        "planners": "Plans a second",
        "scale": "Milliseconds of one iteration",
        "backends": "Goals reached; in brackets, problems whose outcome is not torch's; milliseconds of one plan",
    }[name]
    libraries = ", ".join(f"{library} {versions[library]}" for library in ("python", "numpy", "pymunk", "torch"))
    return (
        f"{what}, `bench {name}{with_jax}`: {meta['machine']}, {counted(meta['threads'], 'thread')}, load average "
        f"{meta['load_average']:g}; {libraries}; commit {meta['commit']}."
    )


def _row(row, name: str) -> list[str]:
    cells = [row.what, _figure(row.ours), _figure(row.plain), f"{_figure(row.ratio)}x"]
    cells += ["", ""] if pd.isna(row.peer) else [_figure(row.peer), f"{_figure(row.peer_ratio)}x"]
    return cells + ([] if name == "tasks" else [f"{row.ceiling:.0%}"])


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.2g}"
