"""Slow computations, done once and shared by all sessions: frozen models, problems, episodes."""

import base64
from contextlib import suppress
from pathlib import Path
from typing import Any

import models
import numpy as np
import pandas as pd
import streamlit as st
import torch
from state import PROBLEMS, Case
from turns import heavy

from lab import variables
from lab.benchmarks import card_of
from lab.checksums import weight_files
from lab.data import DataSpec, Problems, sample_problems
from lab.data.dataset import collect_states, load_or_collect
from lab.errors import LabError
from lab.evaluation import drive
from lab.evaluation.drive import Drive
from lab.evaluation.episode import Episode, place, run_episode, unfold
from lab.files import FAMILIES, MODELS, ROOT, file_status
from lab.models import WorldModel, load_model
from lab.planning import Planner
from lab.plots.player import lane as player_lane
from lab.results import Result, load_result, load_table
from lab.tasks import make_task
from lab.training.initialisation import STARTED, started
from lab.training.latents import encoder_hash
from lab.web.pack import pack, runs_in_browser

LONGEST = drive.LONGEST  #: blocks of the longest drive
MOST_OWN = 4  #: models of one's own that go to the browser
SNAPSHOTS = {"open": 30, "mpc": 8}  #: snapshots of each plan while it is optimised, by mode
FIGURES = ROOT / "figures"  #: results: see `places`


@st.cache_resource
def use_few_threads() -> None:
    """One thread plans a single problem fastest, and leaves the other cores to other sessions."""
    torch.set_num_threads(1)


def stamp(task: str, model: str) -> str:
    """A text that changes whenever the model's files do.

    Raises LabError where there is no such model; it says how to train one.
    """
    folder = models.folder_of(task, model)
    files = (folder / "model.json", *weight_files(folder))
    times = [status.st_mtime_ns for path in files if (status := file_status(path))]
    return f"{folder} {times}"


@st.cache_resource(max_entries=12, show_spinner=False)
def world_model(task: str, model: str, stamp: str) -> WorldModel:
    """The frozen model. All sessions share it: never change it."""
    return load_model(models.folder_of(task, model))


def shares_encoder(task: str, model: str) -> bool:
    """Whether the model sees as the task's base model does, so that their losses and errors can be compared."""
    pair = [world_model(task, name, stamp(task, name)) for name in (model, MODELS[0])]
    return model in MODELS or encoder_hash(pair[0]) == encoder_hash(pair[1])


@st.cache_data(max_entries=8, show_spinner="Drawing the test problems …")
def problem_arrays(task: str, goals: str) -> tuple[np.ndarray, np.ndarray]:
    """Starts and goals of all test problems, as states."""
    problems = sample_problems(task, goals, PROBLEMS)
    return problems.starts, problems.goals


def problem(case: Case) -> Problems:
    """The case's problem, with the bodies where the user moved them."""
    task = make_task(case.task)
    starts, goals = problem_arrays(case.task, case.goals)
    start = place(task, starts[case.problem], dict(case.start))
    goal = place(task, goals[case.problem], dict(case.goal))
    return Problems(task, start[None], goal[None])


def planner_of(name: str, mode: str, model: WorldModel) -> Planner:
    """The planner ``name``, with the settings tuned for the model's task."""
    settings = card_of(model.spec.task).settings
    return started(model, settings.planner("adam", mode)) if name == STARTED else settings.planner(name, mode)


@heavy(64)
def episode(case: Case, model: str, planner: str, mode: str, stamp: str) -> Episode:
    """The plan, and its outcome in imagination and in the simulator."""
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


@heavy(64)
def lane(case: Case, model: str, planner: str, mode: str, stamp: str) -> dict[str, Any]:
    """The same episode as data for the player, with the rollout of each snapshot of each plan."""
    settings, through = card_of(case.task).settings, world_model(case.task, model, stamp)
    planned = episode(case, model, planner, mode, stamp)
    stages = [
        unfold(through, planned, i, proprio=settings.proprio, decay=settings.decay)
        for i in range(len(planned.attempts))
    ]
    return player_lane(through, planned, stages, usual_error(case.task, model, stamp))


@heavy(8)
def data_dots(task: str) -> list[list[float]]:
    """Places (x, y) in the training data: every second step of 40 episodes, or every push of 20 on slow tasks."""
    if make_task(task).slow:
        states = load_or_collect(DataSpec(task, "train", 20, pixels=False), progress=False).states
    else:
        states = collect_states(DataSpec(task, "train", 40, pixels=False)).states[:, ::2]
    return np.round(card_of(task).scene.place(states).reshape(-1, 2), 2).tolist()


@heavy(4)
def held_out(task: str) -> tuple[np.ndarray, np.ndarray]:
    """States and actions of held-out trajectories, as long as the longest drive."""
    return drive.held_out(make_task(task))


@heavy(12)
def usual_error(task: str, model: str, stamp: str) -> list[float]:
    """The 95% quantile of the model error on held-out trajectories, after 1, 2, … blocks."""
    return drive.usual_error(world_model(task, model, stamp), make_task(task))


@heavy(500)
def driven(case: Case, model: str, letters: str, strength: float, stamp: str) -> Drive:
    """Both worlds after the drive ``letters``: each is a block in one of 16 directions; a is right, e is down."""
    through, task = world_model(case.task, model, stamp), make_task(case.task)
    if not letters:
        return drive.begin(through, task, problem(case).starts[0])
    angle = (ord(letters[-1]) - ord("a")) * np.pi / 8
    so_far = driven(case, model, letters[:-1], strength, stamp)
    return drive.drive(through, task, so_far, np.array([np.cos(angle), np.sin(angle)]), strength)


def places() -> tuple[Path, Path]:
    """The folders that may hold results, as <preset>/<experiment>/<task>/; the user's own folder is last."""
    return FIGURES / "reference", FIGURES


def results() -> dict[tuple[str, str, str], Path]:
    """The folders of all finished results, by (preset, experiment, task); the user's own replace the reference."""
    folders = [path.parent for root in places() for path in sorted(root.glob("*/*/*/meta.json"))]
    return {(folder.parent.parent.name, folder.parent.name, folder.name): folder for folder in folders}


def claims_file(preset: str) -> Path | None:
    """The file of the preset's findings on the paper's claims: the user's own, else the reference, else None."""
    paths = [root / preset / "claims.csv" for root in reversed(places())]
    return next((path for path in paths if path.is_file()), None)


def claims() -> tuple[Path, pd.DataFrame] | None:
    """The file and the findings of the largest preset that has any: see `lab.studies.common.claims.verdicts`."""
    path = claims_file("full") or claims_file("quick")
    return path and (path, load_table(path))


def for_browser(task: str) -> str:
    """The task's file for planning in the browser (see `lab.web.pack`) through the four models and one's own.

    Raises LabError where one of the four is missing, or cannot be run there; one's own are left out then.
    """
    if variables.family() != FAMILIES[0]:
        raise LabError("A browser runs the small models only: unset LAB_RECIPE.")
    stamps = {name: stamp(task, name) for name in MODELS}
    for name in models.names(task)[len(MODELS) :][:MOST_OWN]:
        with suppress(LabError):
            if _fits_base(task, name, now := stamp(task, name), stamps[MODELS[0]]):
                stamps[name] = now
    return _for_browser(task, tuple(stamps.items()))


@st.cache_data(max_entries=64, show_spinner=False)
def _fits_base(task: str, name: str, stamp: str, base: str) -> bool:
    return runs_in_browser(world_model(task, name, stamp), world_model(task, MODELS[0], base))


@heavy(4, "Packing the world models …")
def _for_browser(task: str, stamps: tuple[tuple[str, str], ...]) -> str:
    data = pack(task, {name: world_model(task, name, stamp) for name, stamp in stamps})
    return "data:application/octet-stream;base64," + base64.b64encode(data).decode()


def made(folder: Path) -> int:
    """When the result in ``folder`` was made, in ns. Raises LabError where there is none, such as just now."""
    if status := file_status(folder / "meta.json"):
        return status.st_mtime_ns
    raise LabError(f"There is no result in {folder.name}, or it is just being replaced: look again.")


def result(folder: Path) -> Result:
    """The result in ``folder``. Raises LabError where there is none, or a broken one."""
    return _result(folder, made(folder))


@st.cache_data(max_entries=16, show_spinner=False)
def _result(folder: Path, made: int) -> Result:
    return load_result(folder)
