"""Your own: train or finetune a world model in the background, and look into any world model's file."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import cached
import models
import pandas as pd
import runs
import streamlit as st
import widgets
from state import literal, task_now, touched
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from lab import variables
from lab.benchmarks import recipe_of
from lab.checksums import weight_files
from lab.errors import LabError
from lab.files import MODELS, model_folder
from lab.models import read_info, whole_file
from lab.models.inspect import (
    LARGEST,
    PARTS,
    Checkpoint,
    change,
    read_checkpoint,
    statistics_table,
    tensor_table,
)
from lab.plots.palette import GREY, LABELS, MODEL_COLOURS, label
from lab.plots.training import Curve, change_figure, training_figure
from lab.repro.custom_run import CustomRun, training_log
from lab.repro.processes import Status

INTRO = (
    "Finetune the shipped base model by one of the paper's methods, or train a base model anew, with settings of your "
    "own. It runs in the background: leave this page, reload it, close the browser, and find it here again."
)
SECTIONS = {"train": "Train", "inspect": "Look inside"}
SIZES = {"smoke": "20 (seconds)", "quick": "All (minutes)"}
METHOD_HELP = (
    "Base: a fresh predictor on the shipped encoder. Control: more of the same training. Online: also on what the "
    "model's own plans really do. Adversarial: on worst-case disturbances."
)
RADIUS_HELP = "How far states and actions are disturbed, in standard deviations. 0 is plain training."
SHOWN = 12  #: trainings in the list, at most
TEST = "50"  #: problems of a test


def chosen() -> CustomRun:
    """The controls that choose what to train: the task, the method, and behind a button the settings."""
    task = widgets.task_picker()
    method = widgets.picker("method", "Method", MODELS, default="adversarial", help=METHOD_HELP)
    recipe = recipe_of(task, family=variables.family())
    radius = rounds = None
    with widgets.more("Data, steps, seed"):
        size = widgets.picker(
            "size",
            "Episodes of data",
            tuple(SIZES),
            default="quick",
            labels=SIZES,
            help="With all of them, the first training collects the data, which takes minutes.",
        )
        shipped = recipe.base.steps if method == "base" else recipe.finetune.steps
        about = f"The shipped model took {shipped:,}."
        steps = widgets.number("steps", "Steps", 10, 100_000, 500, step=10, help=about)
        if method == "adversarial":
            radius = widgets.number("radius", "Radius", 0.0, 2.0, recipe.radii.latent, step=0.01, help=RADIUS_HELP)
        if method == "online":
            rounds = widgets.number("rounds", "Rounds", 1, 16, recipe.online.rounds, help="Of planning and correcting.")
        seed = widgets.number("seed", "Seed", 0, 999, 0, help="Of batches, plans and a fresh predictor.")
    return CustomRun(task, method, seed, size, steps, None, radius, rounds, variables.family())


def start_or_stop(run: CustomRun) -> None:
    """The button that starts, resumes or stops the run."""
    name = models.run_name(run)
    if runs.stop_button(name, "Stop") or run.trained:
        return
    if runs.begun_by_you(run.folder) is False:
        st.caption(f"{runs.NOT_YOURS} Choose other settings, such as another seed.")
        return
    label, icon = ("Resume", ":material/resume:") if run.resumable else ("Train", ":material/play_arrow:")
    st.button(label, icon=icon, on_click=runs.start, args=(name, run.command, run.folder))


def show_training(run: CustomRun) -> None:
    """Watch the run."""
    name = models.run_name(run)
    beside = logs_beside(run)
    runs.watch(name, lambda status: draw_training(run, status, beside))
    others = [other for other in runs.workers().running() if other != name]
    yours = [other for other in others if runs.is_yours(other)]
    if yours:
        st.caption(f"Also running: {', '.join(yours)}.")
    if len(others) > len(yours):
        st.caption(f"Runs of other visitors: {len(others) - len(yours)}.")
    st.caption("The same on the command line, where it also goes on from where it was stopped:")
    widgets.command("python -m " + " ".join(run.command))


def logs_beside(run: CustomRun) -> list[Curve]:
    """The curves of the shipped model of the same method, and of the other trainings of the task that are listed."""
    curves = []
    with suppress(LabError):
        log = training_log(model_folder(run.task, run.method, family=run.family))
        curves.append(Curve("the shipped model's", GREY, log))
    for other in models.shown_runs(run.task)[: models.SHOWN]:
        if other != run:
            name = models.of_run(other)
            curves.append(Curve(LABELS[name], MODEL_COLOURS[name], training_log(other.folder), other.total))
    return curves


def draw_training(run: CustomRun, status: Status | None, beside: Sequence[Curve]) -> None:
    """The progress of the run, and its loss."""
    log = training_log(run.folder)
    step = 0 if log.empty else int(log.step.iloc[-1]) + 1
    if status is not None and status.running:
        text = "Stopping …" if status.stopped else f"Step {step} of {run.total}" if step else preparing(status)
        st.progress(min(1.0, step / run.total), text)
    elif run.trained:
        st.success(f"Trained: {run.total} steps, last loss {log.loss.iloc[-1]:.4g}.", icon=":material/check_circle:")
    elif run.resumable:
        st.info(
            f"Stopped at about step {step} of {run.total}; Resume goes on from the last checkpoint.",
            icon=":material/pause_circle:",
        )
    figure = training_figure(log, run.method, run.total, beside)
    alt = f"No loss yet; beside it {', '.join(curve.name for curve in beside) or 'nothing'}."
    if not log.empty:
        alt = f"Loss over training steps, {log.loss.iloc[0]:.3g} at first and {log.loss.iloc[-1]:.3g} at step {step}."
    st.plotly_chart(figure, key="loss", config={"displaylogo": False}, alt=alt)


def preparing(status: Status) -> str:
    """What the run does before its first step, in the words of its own progress bar."""
    return f"Preparing: {status.last[:80]}" if status.last else "Preparing: loading libraries, data and encoder …"


def show_finished(run: CustomRun) -> None:
    """Plan with the trained model, test it, or download it."""
    name = f"test {run.task} {run.folder.name}"
    picture = run.folder / "test.png"
    command = ("lab", "plan", "--task", run.task, "--checkpoint", str(run.folder), "--problems", TEST)
    with st.container(horizontal=True):
        if st.button("Plan with it", icon=":material/play_arrow:"):
            plan_with(run.task, models.of_run(run))
        st.button(
            f"Test it on {TEST} problems",
            icon=":material/route:",
            on_click=runs.start,
            args=(name, (*command, "--out", str(picture))),
        )
        st.download_button(
            "Download model.safetensors",
            whole_file(run.folder),
            f"{run.task}-{run.folder.name}.safetensors",
            "application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
        )

    def draw(status: Status | None) -> None:
        if status is None:
            return
        if status.running:
            st.caption(f"Planning with Adam and executing in the simulator … {status.seconds:.0f} s")
        elif status.error is None and picture.is_file():
            st.markdown("\n\n".join(line for line in runs.workers().lines(name) if ":" in line and "film" not in line))
            st.image(str(picture), caption="True frames above imagined ones, of the first problems", width=700)

    runs.watch(name, draw)


def plan_with(task: str, model: str) -> None:
    """Choose the model, which all pages offer now, and go on with it in Live planning. Does not return."""
    if task != task_now():  # else its control may be drawn already
        st.session_state["task"] = task
    st.session_state["model"] = model
    st.switch_page("views/plan.py")


def show_other_runs(now: CustomRun) -> None:
    """The list of the task's trainings; a click opens one again, or deletes it."""
    others = models.shown_runs(now.task)[:SHOWN]
    if not others:
        return
    st.markdown(f"**Trainings of {label(now.task)}**")
    for run in others:
        with st.container(horizontal=True, vertical_alignment="center"):
            opened = {"key": f"open_{run.folder.name}", "on_click": reopen, "args": (run,)}
            st.button(models.title(run), disabled=run == now, **opened)
            st.caption(state_of(run))
            if runs.begun_by_you(run.folder):
                busy = models.run_name(run) in runs.workers().running()
                delete = {"key": f"delete_{run.folder.name}", "on_click": runs.delete, "args": (run.folder,)}
                st.button("Delete", icon=":material/delete:", disabled=busy, **delete)


def state_of(run: CustomRun) -> str:
    log, status = training_log(run.folder), runs.workers().status(models.run_name(run))
    if status is not None and status.running:
        return f"running, {status.seconds:.0f} s"
    if run.trained:
        return f"trained, last loss {log.loss.iloc[-1]:.3g}"
    return "stopped" if run.resumable else "not begun"


def reopen(run: CustomRun) -> None:
    """Set the controls to the settings of ``run``; for callbacks."""
    for key, value in (
        ("method", run.method),
        ("size", run.preset),
        ("steps", run.total),
        ("seed", run.seed),
        ("radius", run.radius),
        ("rounds", run.rounds),
    ):
        if value is not None:
            st.session_state[key] = value
    touched()


def uploaded() -> UploadedFile | None:
    """The visitor's own file; None where there is none, and on a server that takes none."""
    if variables.read_only():
        return None
    with widgets.more("A file of yours"):
        st.markdown(
            "Drop the `model.safetensors` of any world model of this lab: its sizes, statistics and weights are found "
            "from the numbers in it alone. The file stays on the server only while you plan with it."
        )
        return st.file_uploader("A world model's file", type="safetensors", max_upload_size=LARGEST, key="upload")


def inspect(controls: DeltaGenerator) -> None:
    """Look into an uploaded file, or into a model that is there, which further controls choose."""
    with controls:
        upload = uploaded()
    if upload:
        try:
            checkpoint = read_checkpoint(upload.getvalue(), upload.name)
        except LabError as error:
            st.error(literal(str(error)), icon=":material/error:")
            return
        offer(checkpoint, upload.name)
        show_checkpoint(checkpoint, literal(upload.name), whose(checkpoint), upload.size)
        return
    with controls:
        task = widgets.task_picker()
        model = widgets.picker("model", "World model")
    try:
        stamp = cached.stamp(task, model)
    except LabError as error:
        widgets.offer_other_model(task, error)
        return
    folder = models.folder_of(task, model)
    size = sum(path.stat().st_size for path in weight_files(folder))
    show_checkpoint(known(folder, stamp), f"{LABELS[model]} model of {label(task)}", trained_how(folder), size)


def offer(checkpoint: Checkpoint, file_name: str) -> None:
    """The button that takes a file into use, on its task or else on the one that is chosen."""
    task = checkpoint.task or task_now()
    if st.button(f"Plan with it on {label(task)}", icon=":material/play_arrow:"):
        try:
            model = models.keep(checkpoint, file_name, task)
        except LabError as error:
            st.warning(str(error), icon=":material/block:")
            return
        plan_with(task, model)


def trained_how(folder: Path) -> str:
    """How the model in ``folder`` was trained, as far as it says so."""
    info, log = read_info(folder), training_log(folder)
    if log.empty or "wall_seconds" not in info:
        return "Its folder does not say how it was trained."
    return (
        f"Training seed {info['seed']}, {info['wall_seconds']:.0f} s of training on data `{info['data']}`, "
        f"last loss {log.loss.iloc[-1]:.3g}."
    )


@st.cache_data(max_entries=8, show_spinner=False)
def known(folder: Path, stamp: str) -> Checkpoint:
    """The checkpoint of a model that is shipped or was trained here."""
    return read_checkpoint(whole_file(folder), str(folder))


def show_checkpoint(checkpoint: Checkpoint, name: str, about: str, size: int) -> None:
    """Spec, statistics and weights, and the predictor's distance from the base model's."""
    tensors = tensor_table(checkpoint)
    st.subheader(name)
    left, right = st.columns(2, gap="large")
    with left:
        show_change(checkpoint)
    with right:
        st.markdown(about)
        show_sizes(checkpoint, tensors, size)
    with st.expander(f"All {len(tensors)} tensors", icon=":material/table_rows:"):
        st.dataframe(tensors, hide_index=True, alt=f"{len(tensors)} tensors with their shapes and statistics")
        st.caption(f"SHA-256 of the file begins with {checkpoint.digest}, as in the provenance of results.")


def show_sizes(checkpoint: Checkpoint, tensors: pd.DataFrame, size: int) -> None:
    """The numbers and tables of a file of ``size`` bytes."""
    with st.container(horizontal=True):
        st.metric("Numbers", f"{tensors.numbers.sum():,}")
        st.metric("File", f"{size / 1e6:.1f} MB")
        st.metric("Encoder", checkpoint.spec.encoder)
        st.metric("Latent numbers", checkpoint.spec.latent_dim)
        st.metric("Predictor", f"{checkpoint.spec.layers} x {checkpoint.spec.hidden}", help="Hidden layers x width.")
        st.metric("Steps a block", checkpoint.spec.frameskip, help="Environment steps in one step of imagination.")
    st.markdown("**Parts**")
    parts = tensors.groupby("part").agg(tensors=("tensor", "count"), numbers=("numbers", "sum")).reset_index()
    st.table(parts.assign(what=parts.part.map(PARTS)).set_index("part"))
    st.markdown("**Statistics** that inputs are standardised by")
    st.table(statistics_table(checkpoint).round(3).set_index("input"))


def whose(checkpoint: Checkpoint) -> str:
    """The origin of the model, as far as its weights tell."""
    if checkpoint.shipped:
        method, seed = checkpoint.shipped
        return f"This is the shipped **{LABELS[method]}** model of {label(checkpoint.task)}, seed {seed}."
    if checkpoint.task:
        return f"Its encoder is the shipped one of **{label(checkpoint.task)}**; its predictor is of your own making."
    return "Its encoder is none of the shipped ones, so it was trained from scratch, and its task is unknown."


def show_change(checkpoint: Checkpoint) -> None:
    """The distance of each predictor tensor from the shipped base model's."""
    st.markdown("**How far training moved the predictor** from the shipped base model")
    st.caption("Distance of each tensor, relative to its size in the base model.")
    if checkpoint.task is None:
        st.caption("There is no base model to compare with.")
        return
    base = model_folder(checkpoint.task, "base", family=variables.family())
    try:
        table = change(checkpoint, known(base, cached.stamp(checkpoint.task, "base")))
    except LabError as error:
        st.caption(str(error))
        return
    far = table[table.part == "predictor"].change.max()
    if not far:
        st.caption("Nothing has moved: this is the base model.")
        return
    alt = f"Relative distance of each predictor tensor to the base model's; the largest is {far:.0%}."
    st.plotly_chart(change_figure(table), key="change", config={"displaylogo": False}, alt=alt)


def page() -> None:
    controls = widgets.row()
    with controls:
        part = widgets.picker("part", "What to do", tuple(SECTIONS), labels=SECTIONS)
    if part == "inspect":
        inspect(controls)
        return
    if variables.read_only():
        st.info(runs.READ_ONLY, icon=":material/lock:")
        return
    with controls:
        run = chosen()
        start_or_stop(run)
    show_training(run)
    st.markdown(INTRO)
    if run.trained:
        show_finished(run)
    show_other_runs(run)


page()
