"""The command line: every command at a tiny size, and one sentence with exit code 2 for everything that is wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import types
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from matplotlib.image import imread
from tqdm.auto import tqdm

from lab import bench, bench_backends, bench_scale, cli
from lab.benchmarks import card_of
from lab.data import DataSpec
from lab.files import ROOT, cache_root, models_root
from lab.models import load_model
from lab.planning import PLANNERS, Settings
from lab.studies.common.config import Config
from lab.tasks import TASKS, make_task

COMMANDS = ("reproduce", "collect", "train", "plan", "bench")


@pytest.fixture
def quick_planners(change_card):
    """Every planner after two iterations."""
    two = {"iterations": 2}
    for task in TASKS:
        change_card(task, settings=Settings({"gd": two, "adam": two, "cem": two | {"samples": 20, "elites": 4}}))


def run(*argv):
    """The exit code, also where argparse exits by itself."""
    try:
        return cli.main([str(word) for word in argv])
    except SystemExit as stop:
        return stop.code


def refused(capsys, *argv) -> str:
    """The one sentence on stderr of a command that must exit with 2."""
    assert run(*argv) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.endswith(".\n") and captured.err.count("\n") == 1
    assert captured.err.startswith("python -m lab")
    return captured.err


# --- Help


@pytest.mark.parametrize("command", COMMANDS)
def test_help_describes_every_option_and_shows_an_example(command, capsys):
    assert run(command, "--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"example: python -m lab {command}" in text


def test_every_example_is_a_valid_command():
    parser = cli.build_parser()
    for documented in (parser, *parser._subparsers._group_actions[0].choices.values()):
        example = documented.epilog % {"prog": documented.prog}
        command = example.partition("python -m lab ")[2].splitlines()[0]
        assert parser.parse_args(command.split()).run


def test_every_option_has_help():
    for name, sub in cli.build_parser()._subparsers._group_actions[0].choices.items():
        assert all(action.help for action in sub._actions), name


def test_help_does_not_load_torch():
    code = (
        "import sys\nfrom lab.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


# --- Commands


@pytest.mark.parametrize("task", TASKS)
def test_collect(task, empty_cache, capsys):
    for _ in range(2):
        assert run("collect", "--task", task, "--episodes", 3, "--split", "tune", "--seed", 4) == 0
        first, folder = capsys.readouterr().out.splitlines()
        assert first.startswith(f"3 tune episodes of {task}, {make_task(task).episode_steps} steps each")
        assert json.loads((Path(folder) / "meta.json").read_text("utf-8"))["spec"]["seed"] == 4
        assert Path(folder).is_relative_to(empty_cache)


def test_collect_takes_the_recipes_number_of_episodes(empty_cache, tiny_recipes, capsys):
    assert run("collect", "--task", "wall") == 0
    assert capsys.readouterr().out.startswith("8 train episodes")


@pytest.mark.parametrize("preset", ["smoke", "quick"])
def test_train_then_plan(preset, empty_cache, tiny_recipes, quick_planners, capsys):
    assert run("train", "--task", "wall", "--method", "online", "--preset", preset, "--device", "cpu") == 0
    text, folder = capsys.readouterr().out.splitlines()
    assert text.startswith("online model of wall, seed 0: loss 0.") and text.endswith("at step 12")
    root = empty_cache / ("models" if preset == "quick" else "models-smoke")
    assert Path(folder) == root / "wall" / "online" / "seed0"
    words = ["plan", "--task", "wall", "--model", "online", "--problems", 2, "--preset"]
    assert run(*words, preset) == 0
    toy = "-toy" if preset == "smoke" else ""
    strip = check_report(capsys.readouterr().out, 2, f"adam on online0{toy}, open")
    assert strip.stem == f"wall-dataset-online0{toy}-adam-open"
    other, option = ("quick", "") if toy else ("smoke", " --preset smoke")
    assert f"--method online --seed 0{option}'." in refused(capsys, *words, other)


def check_report(text, n, what, criteria=("full",)):
    lines = text.splitlines()
    assert lines[0].startswith(f"{n} ") and lines[1].startswith(what)
    for criterion, line in zip(criteria, lines[2:], strict=False):
        assert line.startswith(f"  success ({criterion}): ") and f" of {n} = " in line
        assert "95% interval" in line and "at the end" in line
    assert lines[-2].startswith("  planning time: ") and lines[-2].endswith("ms per problem")
    return Path(lines[-1].removeprefix("film strip: "))


@pytest.mark.parametrize(("task", "planner"), sorted({*product(TASKS, ["adam"]), *product(["wall"], PLANNERS)}))
def test_plan(task, planner, trained, empty_cache, quick_planners, capsys):
    folder = trained(task)
    assert run("plan", "--task", task, "--checkpoint", folder, "--planner", planner, "--problems", 2) == 0
    strip = check_report(capsys.readouterr().out, 2, f"{planner} on seed0, open", make_task(task).criteria)
    assert strip.is_relative_to(empty_cache) and imread(strip).shape[0] > 300


def test_plan_with_mpc_and_random_goals_to_a_file(trained, quick_planners, tmp_path, capsys):
    out = tmp_path / "deep" / "strip.pdf"
    words = ["--goals", "random", "--mpc", "--problems", 5, "--seed", 3, "--out", out, "--device", "cpu"]
    assert run("plan", "--task", "wall", "--checkpoint", trained("wall"), *words) == 0
    text = capsys.readouterr().out
    assert check_report(text, 5, "adam on seed0, mpc, cpu") == out
    assert "5 random problems of wall (test split, seed 3" in text
    assert out.read_bytes().startswith(b"%PDF") and [path.name for path in out.parent.iterdir()] == ["strip.pdf"]


def test_plan_repeats_itself(trained, quick_planners, capsys):
    words = ["plan", "--task", "wall", "--checkpoint", trained("wall"), "--problems", 10]
    texts = []
    for _ in range(2):
        assert run(*words) == 0
        texts.append(capsys.readouterr().out.splitlines()[:3])
    assert texts[0] == texts[1]


@pytest.mark.parametrize("options", [(), pytest.param(("--planner", "cem", "--mpc"), marks=pytest.mark.slow)])
def test_plan_as_one_program(options, trained, quick_planners, empty_cache, capsys):
    pytest.importorskip("jax", reason="the extra `jax` is not installed")
    words = "plan", "--task", "wall", "--problems", "2", "--checkpoint", str(trained("wall")), *options
    rates = []
    for backend in ("torch", "jax"):
        assert run(*words, "--backend", backend) == 0
        rates.append([line for line in capsys.readouterr().out.splitlines() if "of 2 =" in line])
    assert rates[0] == rates[1] and rates[0]


def test_film_strips_of_different_models_are_different_files(trained, quick_planners, empty_cache, capsys):
    strips = set()
    for folder in (trained("wall"), trained("wall", "control")):
        assert folder.name == "seed0"
        assert run("plan", "--task", "wall", "--checkpoint", folder, "--problems", 1) == 0
        strips.add(check_report(capsys.readouterr().out, 1, "adam on seed0, open"))
    assert strips == set((empty_cache / "plans").glob("*.png")) and len(strips) == 2


def test_planning_shows_how_long_it_takes(trained, quick_planners, monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(tqdm, "close", lambda bar: shown.append((bar.desc, bar.n, bar.total)))
    words = ["plan", "--task", "wall", "--checkpoint", trained("wall"), "--problems", 3]
    for mode, replans in (([], 1), (["--mpc"], 10)):
        assert run(*words, *mode) == 0
        assert ("plan ", 3 * 2 * replans, 3 * 2 * replans) in shown


def test_plan_one_problem_of_many(trained, quick_planners, capsys):
    words = ["plan", "--task", "wall", "--checkpoint", trained("wall"), "--problems", 5, "--problem"]
    assert run(*words, 3) == 0
    text = capsys.readouterr().out
    assert "  problem 3, planned alone: its plan is, up to rounding, as among all\n" in text
    assert text.endswith("-adam-open-problem3.png\n")
    assert run(*words, 5) == 2
    assert "There is no problem 5: the 5 problems asked for are numbered from 0." in capsys.readouterr().err


def test_reproduce_passes_its_options_on(monkeypatch):
    seen = []

    def reproduce(*options, **named):
        seen.append((*options, named))
        return 1

    module = types.ModuleType("lab.repro.reproduce")
    module.reproduce = reproduce
    monkeypatch.setitem(sys.modules, "lab.repro.reproduce", module)
    assert run("reproduce") == 1
    words = ["--preset", "smoke", "--only", "fig4_gap", "rollouts", "--task", "wall", "--out", "x", "--jobs", 2]
    words += ["--seeds", "0:2", "--executor", "dask", "--family", "dino", "--forecast"]
    assert run("reproduce", *words) == 1
    assert seen == [
        ("quick", [], None, "figures", None, "local", {"seeds": "", "family": "small", "forecast": False}),
        (
            "smoke",
            ["fig4_gap", "rollouts"],
            "wall",
            "x",
            2,
            "dask",
            {"seeds": "0:2", "family": "dino", "forecast": True},
        ),
    ]


@pytest.fixture
def small_bench(monkeypatch):
    for name, value in (("REPEATS", 1), ("LOOP", 1)):
        monkeypatch.setattr(bench, name, value)
    for name, (planner, problems) in bench.PLANNERS.items():
        few = {"iterations": 2} | ({"samples": 20, "elites": 4} if hasattr(planner, "elites") else {})
        monkeypatch.setitem(bench.PLANNERS, name, (replace(planner, **few), min(problems, 3)))
    original = bench.bench_task
    few = {"problems": 2, "steps": 2, "loop": 1, "many": 3}
    monkeypatch.setattr(bench, "bench_task", lambda task, peers: original(task, peers, **few))


@pytest.mark.parametrize("what", [[], ["tasks"], ["planners"]])
def test_bench(what, small_bench, capsys):
    assert run("bench", *what, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == {"": 23, "tasks": 18, "planners": 5}["".join(what)]
    assert all(row["ratio"] == row["ours"] / row["plain"] > 0 for row in rows)
    assert all((row["ceiling"] is not None) == ("Adam" in row["what"] or "CEM" in row["what"]) for row in rows)


STAND_IN = """
import gymnasium as gym, numpy as np
class Push(gym.Env):
    action_space = observation_space = gym.spaces.Box(0, 512, (2,))
    def __init__(self, obs_type="state", observation_width=None, observation_height=None):
        assert (obs_type == "pixels") == (observation_width == observation_height == 64)
    def reset(self, seed=None, options=None):
        assert len(options["reset_to_state"]) == 5
        return np.zeros(2), {}
    def step(self, action):
        assert action.shape == (2,) and 0 <= action.min() <= action.max() <= 512
        return np.zeros(2), 0.0, False, False, {}
gym.register("gym_pusht/PushT-v0", Push)
print("a package that greets")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for another Python is a shell script")
def test_bench_asks_other_packages_in_their_own_python(tmp_path, small_bench, capsys):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nshift\nPYTHONPATH={tmp_path} exec {sys.executable} $@\n", "utf-8")
    python.chmod(0o755)
    (tmp_path / "gym_pusht.py").write_text(STAND_IN, "utf-8")
    (tmp_path / "gym_pusht-0.1.8.dist-info").mkdir()
    (tmp_path / "gym_pusht-0.1.8.dist-info" / "METADATA").write_text("Name: gym-pusht\nVersion: 0.1.8\n", "utf-8")
    assert run("bench", "tasks", "--peer", str(python), "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    theirs = {row["what"]: row for row in rows if row["peer"] is not None}
    assert set(theirs) == {f"push_t: {what}, gym-pusht 0.1.8" for what in ("simulate", "simulate and draw")}
    assert all(row["peer_ratio"] == row["ours"] / row["peer"] > 0 for row in theirs.values())
    (tmp_path / "gym_pusht.py").write_text(STAND_IN.replace("<= 512", "<= 51"), "utf-8")
    assert run("bench", "tasks", "--peer", str(python)) == 2
    assert "gym-pusht 0.1.8 failed while it simulated push_t: see above" in capsys.readouterr().err


def test_bench_prints_a_table(small_bench, capsys):
    assert run("bench", "planners") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("Adam, plan") and lines[3].startswith("CEM, plan") and lines[1].endswith("%")


def test_bench_measures_loops_in_jax_as_well(small_bench, capsys):
    pytest.importorskip("jax", reason="the extra `jax` is not installed")
    few = {name: bench.PLANNERS[name] for name in ("Adam, one problem", "CEM, one problem")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "PLANNERS", few)
        assert run("bench", "planners", "--backend", "jax", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["what"] for row in rows] == [*few, *(f"{name}, jax" for name in few)]
    for torch_row, jax_row in zip(rows[:2], rows[2:], strict=True):
        assert jax_row["loss"] == pytest.approx(torch_row["loss"], rel=1e-3)


def test_bench_tells_rounding_from_backends(trained, monkeypatch, capsys):
    pytest.importorskip("jax")
    model = load_model(trained("wall"))
    monkeypatch.setattr(Config, "model", lambda config, name, seed: model)
    sides = list(bench_backends.compare(Config("wall", "smoke", device="cpu"), "jax"))
    by_planner = {name: [side for side in sides if side.planner == name] for name in {side.planner for side in sides}}
    assert set(by_planner) == {*bench_backends.PLANNERS, bench_backends.MANY}
    for torch_side, jax_side, *copies in by_planner.values():
        assert (torch_side.side, jax_side.side, torch_side.differ) == ("torch", "jax", 0)
        assert len(copies) == bench_backends.COPIES and all(copy.milliseconds is None for copy in copies)
        assert torch_side.milliseconds > 0 and jax_side.milliseconds > 0
    assert bench_backends.as_table(sides).count("not as in torch") == len(sides)
    assert run("bench", "backends") == 2 and "add --backend jax" in capsys.readouterr().err


def test_bench_fits_how_cost_grows(monkeypatch, capsys):
    monkeypatch.setattr(bench_scale, "SIZES", {"problems": (1, 2, 4), "hidden": (8, 16)})
    for name, planner in bench_scale.PLANNERS.items():
        monkeypatch.setitem(bench_scale.PLANNERS, name, replace(planner, iterations=1))
    assert run("bench", "scale") == 0
    assert capsys.readouterr().out.count("exponent") == 2 * len(bench_scale.PLANNERS)
    assert run("bench", "scale", "--json") == 0
    curves = json.loads(capsys.readouterr().out)
    assert all(min(curve["seconds"]) > 0 and len(curve["seconds"]) == len(curve["values"]) for curve in curves)
    exact = bench_scale.Curve("Adam", "problems", (1, 10, 100), (2.0, 200.0, 20000.0))
    assert exact.exponents == pytest.approx((2, 2))


def test_the_plain_loops_of_the_bench_do_plan():
    model, settings = bench.small_model(), card_of("wall").settings
    z0, goal = torch.zeros(1, model.latent_dim), torch.ones(1, model.latent_dim)
    for planner in (settings.planner("adam"), settings.planner("cem")):
        actions = bench.plain_plan(replace(planner, iterations=20), model, z0, goal).view(1, bench.HORIZON, -1)
        objective = bench.GoalDistance(goal, model.latent_dim)
        still = objective(model.rollout(z0, torch.zeros_like(actions)), actions)
        assert objective(model.rollout(z0, actions), actions) < still
    assert not any(weight.requires_grad for weight in model.parameters() if weight.grad is not None)


# --- Bad input


def test_without_a_command_the_help_is_printed(capsys):
    assert run() == 0
    assert "usage: python -m lab" in (text := capsys.readouterr().out) and all(command in text for command in COMMANDS)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["dream"], "invalid choice: 'dream'"),
        (["plan"], "required: --task"),
        (["plan", "--task", "chess"], "invalid choice: 'chess' (choose from"),
        (["plan", "--task", "wal"], "invalid choice: 'wal' (did you mean 'wall'?) (choose from"),
        (["pln"], "(did you mean 'plan'?)"),
        (["plan", "--taks", "wall"], "unknown option --taks (did you mean '--task'?)"),
        (["train", "--task", "wall", "--method=--"], "option --method needs a value, got '--'"),
        (["reproduce", "--task=--"], "option --task needs a value"),
        (["reproduce", "--seeds", "0:99999999999"], "at most 1000, got '0:99999999999'"),
        (["reproduce", "--out", ""], "expected a path, got ''"),
        (["plan", "--task", "wall", "--checkpoint", ""], "expected a path, got ''"),
        (["verify", ""], "expected a path, got ''"),
        (["app", "export", ""], "expected a path, got ''"),
        (["course", " "], "expected a path, got ' '"),
        (["plan", "--task", "wall", "--seed", "9" * 4301], "got '999"),
        (["plan", "--task", "wall", "--model", "dreamer"], "invalid choice: 'dreamer'"),
        (["plan", "--task", "wall", "--planner", "dream"], "invalid choice: 'dream'"),
        (["plan", "--task", "wall", "--goals", "far"], "invalid choice: 'far'"),
        (["plan", "--task", "wall", "--seed", "-1"], "expected a whole number from 0 to 4294967295, got '-1'"),
        (["plan", "--task", "wall", "--problems", "many"], "expected a whole number from 1 to 100000, got 'many'"),
        (["plan", "--task", "wall", "--problems", "0"], "expected a whole number from 1 to 100000, got '0'"),
        (["bench", "tasks", "--backend", "jax"], "The backend jax is of planners, and tasks alone have none"),
        (["bench", "scale", "--peer", "python"], "--peer is of tasks, and bench scale measures none"),
        (["bench", "tasks", "--peer", "nowhere/python"], "nowhere/python cannot be run"),
        (["bench", "tasks", "--peer", sys.executable], "imports neither gym_pusht nor stable_worldmodel"),
        (["plan", "--task", "wall", "--backend", "jacks"], "invalid choice: 'jacks'"),
        (["plan", "--task", "wall", "--problems", "99999999999"], "to 100000, got '99999999999'"),
        (["plan", "--task", "wall", "--kitchen", "9"], "unknown option --kitchen; see"),
        (["collect", "--task", "wall", "--episodes", "0"], "expected a whole number from 1 to 1000000, got '0'"),
        (["train", "--task", "wall", "--method", "base", "--lr", "1e38"], "expected a number from 1e-30 to 1e+30"),
        (["train", "--task", "wall", "--method", "base", "--lr", "nan"], "got 'nan'"),
        (["train", "--task", "wall"], "required: --method"),
        (["train", "--task", "wall", "--method", "base", "--seed", "1.5"], "got '1.5'"),
        (["reproduce", "--preset", "huge"], "invalid choice: 'huge'"),
        (["reproduce", "--only", "fig9"], "invalid choice: 'fig9'"),
        (["reproduce", "--jobs", "0"], "expected a whole number from 1 to 10000"),
        (["bench", "app"], "invalid choice: 'app'"),
    ],
)
def test_bad_arguments_get_one_sentence(argv, message, capsys):
    assert message in refused(capsys, *argv)


def test_a_missing_model_is_told_with_the_command_that_makes_it(empty_cache, capsys):
    text = refused(capsys, "plan", "--task", "wall", "--model", "online", "--train-seed", 3)
    assert "train it with 'python -m lab train --task wall --method online --seed 3'" in text


def test_a_folder_without_a_model_is_refused(tmp_path, capsys):
    words = ["plan", "--task", "wall", "--checkpoint", tmp_path]
    assert refused(capsys, *words) == f"python -m lab plan: {tmp_path / 'model.json'} does not exist.\n"
    (tmp_path / "model.json").write_text("{}", "utf-8")
    assert "is not of this lab (its format should be wm-lab/1)" in refused(capsys, *words)


def test_a_model_of_another_task_is_refused(trained, capsys):
    text = refused(capsys, "plan", "--task", "wall", "--checkpoint", trained("point_maze"))
    assert "is of point_maze, not of wall" in text


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_a_missing_device_is_refused(trained, capsys):
    words = ["--checkpoint", trained("wall"), "--device", "cuda"]
    assert "Device 'cuda' is not available" in refused(capsys, "plan", "--task", "wall", *words)


@pytest.mark.parametrize(
    ("out", "message"),
    [("strip.gif", "must end in .png or .pdf"), ("folder.png", "is a folder"), ("file/strip.png", "Cannot write")],
)
def test_a_film_strip_that_cannot_be_written(out, message, tmp_path, trained, quick_planners, capsys):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    assert run("plan", "--task", "wall", "--checkpoint", trained("wall"), "--out", tmp_path / out) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


@pytest.mark.parametrize("place", ["out", "cache"])
def test_that_a_film_strip_cannot_be_written_is_known_before_planning(place, tmp_path, trained, monkeypatch, capsys):
    monkeypatch.setattr("lab.evaluation.success.evaluate", lambda *_, **__: pytest.fail("it was planned"))
    words = ["plan", "--task", "wall", "--checkpoint", trained("wall"), "--problems", 1]
    (tmp_path / "file").touch()
    if place == "cache":
        monkeypatch.setenv("LAB_CACHE", str(tmp_path / "file" / "cache"))
    else:
        words += ["--out", tmp_path / "file" / "strip.png"]
    assert "Cannot write" in refused(capsys, *words)


@pytest.mark.parametrize("command", ["plan", "collect", "train --method base"])
def test_a_seed_has_one_bound(command, capsys):
    words = [*command.split(), "--task", "wall", "--seed"]
    for seed in (2**32, 2**63 - 1, 2**63, -1):
        assert f"expected a whole number from 0 to {2**32 - 1}, got '{seed}'" in refused(capsys, *words, seed)
    parsed = cli.build_parser().parse_args([*words, str(2**32 - 1)])
    assert DataSpec("wall", seed=parsed.seed).seed == 2**32 - 1


@pytest.mark.parametrize("above", [1, 2])
@pytest.mark.parametrize("place", ["shipped", "cache", "elsewhere"])
def test_a_folder_above_models_is_refused_by_their_names(place, above, empty_cache, trained, tmp_path, capsys):
    root = {"shipped": tmp_path / "shipped", "cache": models_root(), "elsewhere": tmp_path / "mine"}[place]
    model = root / "wall" / "base" / "seed0"
    shutil.copytree(trained("wall"), model)
    text = refused(capsys, "plan", "--task", "wall", "--checkpoint", model.parents[above - 1])
    assert f"There are models in {model}: name one of these folders." in text
    assert "git" not in text and "delete" not in text.lower()


@pytest.mark.parametrize("command", ["collect", "train --method base"])
def test_a_cache_that_cannot_be_written(command, tmp_path, monkeypatch, tiny_recipes, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "file" / "cache"))
    assert "Cannot write" in refused(capsys, *command.split(), "--task", "wall")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_plan_that_is_not_finite_is_refused(trained, change_card, capsys):

    change_card("wall", settings=Settings({"gd": {"lr": 1e38, "iterations": 2}}))
    text = refused(capsys, "plan", "--task", "wall", "--checkpoint", trained("wall"), "--planner", "gd")
    assert "plans are not finite: take smaller steps" in text


def test_bugs_are_not_hidden(monkeypatch):
    monkeypatch.setattr("lab.commands.bench", lambda _: {}["missing"])
    with pytest.raises(KeyError):
        cli.main(["bench"])


# --- Stopping


@pytest.mark.parametrize("send", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_training_says_how_to_go_on_and_does(send, empty_cache, tiny_recipes, trained, capsys, monkeypatch):
    expected = load_model(trained("wall", "control")).state_dict()
    from lab.training.teacher_forcing import TeacherForcing

    original = TeacherForcing.loss

    def loss(self, model, step, *rest):
        if step == 8:
            os.kill(os.getpid(), send)
        return original(self, model, step, *rest)

    words = ["train", "--task", "wall", "--method", "control"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
    monkeypatch.setattr(TeacherForcing, "loss", loss)
    before = signal.getsignal(signal.SIGTERM)
    assert run(*words) == 130
    assert signal.getsignal(signal.SIGTERM) == before
    error = capsys.readouterr().err
    assert "lab train: stopped; finished stages and the last checkpoint are kept; run the same command again" in error
    assert "Traceback" not in error
    monkeypatch.setattr(TeacherForcing, "loss", original)
    assert run(*words) == 0
    resumed = load_model(cache_root() / "models" / "wall" / "control" / "seed0").state_dict()
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


@pytest.mark.parametrize("send", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "loading", ["lab.tasks.registry", "gymnasium", "lab.cli", "tqdm.auto", "lab.commands", "torch"]
)
def test_what_is_stopped_while_it_loads_says_so_in_one_sentence(loading, send, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "class Stops:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {loading!r}: os.kill(os.getpid(), {int(send)})\n"
        "sys.meta_path.insert(0, Stops())\n",
        "utf-8",
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    words = [sys.executable, "-m", "lab", "plan", "--task", "wall", "--problems", "1"]
    done = subprocess.run(
        words, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, encoding="utf-8", cwd=ROOT
    )
    assert done.returncode == 130 and done.stdout == ""
    assert "stopped; " in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_no_other_program_has_its_signals_taken(tmp_path):
    code = "import signal, lab; print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)"
    (tmp_path / "other.py").write_text(code, "utf-8")
    for words in ([str(tmp_path / "other.py"), "-m", "lab"], ["-c", code, "lab"], ["-m", "other", "lab"]):
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, encoding="utf-8")
        assert done.stdout == "True\n", done.stderr


def test_python_m_lab_is_the_command_line():
    done = subprocess.run([sys.executable, "-m", "lab", "bench", "app"], capture_output=True, encoding="utf-8")
    assert done.returncode == 2 and done.stderr.startswith("python -m lab bench: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["bench", "app"], ["plan", "--task", "wall", "--out", "strip.txt"]])
def test_errors_and_examples_name_the_program_that_was_called(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/wm-lab"])
    assert run(*words) == 2
    assert capsys.readouterr().err.startswith(f"wm-lab {words[0]}: ")
    assert run(words[0], "--help") == 0
    assert f"  wm-lab {words[0]} " in capsys.readouterr().out
