"""Results that are kept in ``figures/``: pictures, tables with intervals, protocol and provenance."""

from collections.abc import Iterable
from pathlib import Path

import cached
import pandas as pd
import streamlit as st
import widgets
from state import forget_moves

from lab.errors import LabError
from lab.experiments.registry import EXPERIMENTS
from lab.plots.style import LABELS
from lab.results import Result
from lab.tasks import TASKS

PRESETS = ("full", "quick", "smoke")  #: the most trustworthy first


def ordered(names: Iterable[str], first: Iterable[str]) -> list[str]:
    """``names`` without repetition, those in ``first`` in front."""
    rank = {name: i for i, name in enumerate(first)}
    return sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name))


def show_claims(preset: str) -> None:
    """What all results of the preset say about the paper's claims."""
    path = cached.FIGURES / preset / "claims.csv"
    if path.is_file():
        with st.expander("What these results say about the paper's claims", icon=":material/fact_check:"):
            st.dataframe(pd.read_csv(path), hide_index=True, alt="The paper's claims with their verdicts")


def show_result(result: Result, folder: Path, experiment: str) -> None:
    """Picture, tables, protocol, provenance, and how to make it all again."""
    for picture in sorted(folder.glob("*.png")):
        st.image(str(picture), width="stretch", alt=f"{experiment} of {LABELS[result.task]}")
    names = list(result.tables)
    for tab, name in zip(st.tabs(names), names, strict=True):
        with tab:
            table = result.tables[name]
            st.dataframe(table, hide_index=True, alt=f"Table {name} with {len(table)} rows")
            st.download_button(
                f"Download {name}.csv", (folder / f"{name}.csv").read_bytes(), f"{experiment}-{folder.name}-{name}.csv",
                "text/csv", key=f"csv_{name}", icon=":material/download:", on_click="ignore",
            )  # fmt: skip
    st.caption("The columns low and high bound a 95% interval.")
    for protocol in result.meta.get("protocols", []):
        st.markdown(f"**Protocol.** {protocol['text']}")
    if experiment in EXPERIMENTS:
        st.caption("Make it again:")
        command = f"python -m lab reproduce --preset {result.preset} --only {experiment} --task {result.task}"
        widgets.command(command)
    with st.expander("Where the numbers come from", icon=":material/history:"):
        st.json(result.meta)


def page() -> None:
    found = cached.results()
    if not found:
        st.info("There are no results yet. Make them with the command below; it takes minutes.", icon=":material/info:")
        widgets.command("python -m lab reproduce --preset quick")
        return
    with st.container(horizontal=True, gap="medium"):
        presets = ordered((key[0] for key in found), PRESETS)
        preset = widgets.picker("preset", "Size", presets)
        here = [key for key in found if key[0] == preset]
        experiments = ordered((key[1] for key in here), EXPERIMENTS)
        experiment = widgets.picker("experiment", "Experiment", experiments)
        task = widgets.picker("task", "Task", tuple(TASKS), then=forget_moves)
    show_claims(preset)
    folder = found.get((preset, experiment, task))
    if folder is None:
        others = ", ".join(LABELS[key[2]] for key in here if key[1] == experiment)
        st.info(f"This result is not there for {LABELS[task]} yet, but for {others}.", icon=":material/info:")
        return
    try:
        result = cached.result(folder, (folder / "meta.json").stat().st_mtime_ns)
    except LabError as error:
        st.error(str(error), icon=":material/error:")
    else:
        show_result(result, folder, experiment)


page()
