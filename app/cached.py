"""The slow things, computed once and shared by all sessions: models (frozen), problems, episodes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
import torch
from state import PROBLEMS, Case

from lab import variables
from lab.benchmarks import card_of
from lab.data import DataSpec, Problems, sample_problems
from lab.data.dataset import collect_states, load_or_collect
from lab.evaluation.drive import Drive, begin, drive
from lab.evaluation.episode import Episode, place, run_episode, unfold
from lab.evaluation.gap import data_error
from lab.files import ROOT, model_folder, weight_files
from lab.models import WorldModel, load_model
from lab.planning import Planner
from lab.plots.player import lane as player_lane
from lab.results import Result, load_result
from lab.tasks import make_task
from lab.training.initialisation import STARTED, started

LONGEST = 15  #: blocks that one can drive
SNAPSHOTS = {"open": 30, "mpc": 8}  #: of each plan in the making
FIGURES = ROOT / "figures"  #: results: see `places`


@st.cache_resource
def use_few_threads() -> None:
    """One thread plans one problem fastest, and leaves the other cores to other sessions."""
    torch.set_num_threads(1)


def stamp(task: str, model: str) -> str:
    """Changes whenever the model's files do. Raises LabError, saying how to train it, where there is none."""
    folder = model_folder(task, model, family=variables.family())
    files = (folder / "model.json", *weight_files(folder))
    times = [path.stat().st_mtime_ns for path in files if path.is_file()]
    return f"{folder} {times}"


@st.cache_resource(max_entries=12, show_spinner=False)
def world_model(task: str, model: str, stamp: str) -> WorldModel:
    """The frozen model; never write to it, all sessions share it."""
    return load_model(model_folder(task, model, family=variables.family()))


@st.cache_data(max_entries=8, show_spinner="Drawing the test problems …")
def problem_arrays(task: str, goals: str) -> tuple[np.ndarray, np.ndarray]:
    """Starts and goals of all test problems."""
    problems = sample_problems(task, goals, PROBLEMS)
    return problems.starts, problems.goals


def problem(case: Case) -> Problems:
    """The problem of the case, with the bodies that were moved by hand."""
    task = make_task(case.task)
    starts, goals = problem_arrays(case.task, case.goals)
    start = place(task, starts[case.problem], dict(case.start))
    goal = place(task, goals[case.problem], dict(case.goal))
    return Problems(task, start[None], goal[None])


def planner_of(name: str, mode: str, model: WorldModel) -> Planner:
    """The planner called ``name``, as tuned for the model's task."""
    settings = card_of(model.spec.task).settings
    return started(model, settings.planner("adam", mode)) if name == STARTED else settings.planner(name, mode)


@st.cache_data(max_entries=64, show_spinner=False)
def episode(case: Case, model: str, planner: str, mode: str, stamp: str) -> Episode:
    """The plan and what became of it."""
    settings, through = card_of(case.task).settings, world_model(case.task, model, stamp)
    return run_episode(
        through,
        planner_of(planner, mode, through),
        problem(case),
        mode,
        proprio=settings.proprio,
        decay=settings.decay,
        index=case.problem,
        snapshots=SNAPSHOTS[mode],
    )


@st.cache_data(max_entries=64, show_spinner=False)
def lane(case: Case, model: str, planner: str, mode: str, stamp: str) -> dict[str, Any]:
    """The same with what each snapshot of each plan leads to, ready for the player."""
    settings, through = card_of(case.task).settings, world_model(case.task, model, stamp)
    made = episode(case, model, planner, mode, stamp)
    stages = [
        unfold(through, made, i, proprio=settings.proprio, decay=settings.decay) for i in range(len(made.attempts))
    ]
    return player_lane(made, stages, usual_error(case.task, model, stamp))


@st.cache_data(max_entries=8, show_spinner=False)
def data_dots(task: str) -> list[list[float]]:
    """Places (x, y) where the training data went: every other step of 40 episodes, or every push of 20."""
    if make_task(task).slow:
        states = load_or_collect(DataSpec(task, "train", 20, pixels=False), progress=False).states
    else:
        states = collect_states(DataSpec(task, "train", 40, pixels=False)).states[:, ::2]
    return np.round(card_of(task).scene.place(states).reshape(-1, 2), 2).tolist()


@st.cache_data(max_entries=4, show_spinner=False)
def held_out(task: str) -> tuple[np.ndarray, np.ndarray]:
    """States and actions of some trajectories of the data policy, as long as the longest drive, in no training set."""
    simulator = make_task(task)
    n = 20 if simulator.slow else 40
    return simulator.collect(np.random.default_rng([0, 4000]), n, LONGEST * simulator.frameskip)


@st.cache_data(max_entries=12, show_spinner=False)
def usual_error(task: str, model: str, stamp: str) -> list[float]:
    """The model error after 1, 2, … blocks that 95% of trajectories of the data policy stay below."""
    errors = data_error(world_model(task, model, stamp), make_task(task), *held_out(task))
    return np.quantile(errors, 0.95, axis=0).tolist()


@st.cache_data(max_entries=500, show_spinner=False)
def driven(case: Case, model: str, letters: str, strength: float, stamp: str) -> Drive:
    """Where the two worlds are after ``letters``, each a block in one of 16 directions, a to the right, e down."""
    through, task = world_model(case.task, model, stamp), make_task(case.task)
    if not letters:
        return begin(through, task, problem(case).starts[0])
    angle = (ord(letters[-1]) - ord("a")) * np.pi / 8
    so_far = driven(case, model, letters[:-1], strength, stamp)
    return drive(through, task, so_far, np.array([np.cos(angle), np.sin(angle)]), strength)


def places() -> tuple[Path, Path]:
    """Where results may be, the user's own last: <preset>/<experiment>/<task>/."""
    return FIGURES / "reference", FIGURES


def results() -> dict[tuple[str, str, str], Path]:
    """The folders of all finished results, by (preset, experiment, task); the user's own go before the reference."""
    found = [path.parent for root in places() for path in sorted(root.glob("*/*/*/meta.json"))]
    return {(folder.parent.parent.name, folder.parent.name, folder.name): folder for folder in found}


def claims_file(preset: str) -> Path | None:
    """The findings of the preset's results on the paper's claims: the user's own, else the reference."""
    paths = [root / preset / "claims.csv" for root in reversed(places())]
    return next((path for path in paths if path.is_file()), None)


def claims() -> tuple[Path, pd.DataFrame] | None:
    """The findings of the largest preset that has any, and their file: see `lab.studies.common.claims.verdicts`."""
    path = claims_file("full") or claims_file("quick")
    return path and (path, _table(path, path.stat().st_mtime_ns))


@st.cache_data(max_entries=4, show_spinner=False)
def _table(path: Path, stamp: int) -> pd.DataFrame:
    return pd.read_csv(path)


@st.cache_data(max_entries=16, show_spinner=False)
def result(folder: Path, stamp: int) -> Result:
    """The tables in ``folder``, one of those in `results`; ``stamp`` changes whenever they do."""
    return load_result(folder)
