"""The open benchmark: frozen problems, submissions of all kinds, entries, and their table."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lab import cli
from lab.benchmarks import card_of
from lab.data import sample_problems
from lab.errors import LabError
from lab.evaluation import evaluate
from lab.evaluation.statistics import paired_difference
from lab.files import ROOT, SHIPPED
from lab.leaderboard import manifest
from lab.leaderboard.entry import FLOORS, Track, enter, load_entry, numbers, save_entry
from lab.leaderboard.submission import load_submission
from lab.leaderboard.table import FOLDER, HEAD, leaderboard
from lab.models import load_model, weights_hash
from lab.planning import MODES, GradientPlanner

MARKED = ("models", "base", *FLOORS)
FEW = GradientPlanner("adam", lr=0.1, iterations=2)
FILE = '''
import numpy as np, torch
from torch import nn

class Walker(nn.Module):
    """A dot that goes where it is sent: an action moves it by twice itself."""

    def __init__(self, steps=5, scale=2.0):
        super().__init__()
        self.steps, self.block_dim = steps, 2 * steps
        self.scale = nn.Parameter(torch.tensor(scale))

    def observe(self, observation):
        return torch.as_tensor(observation.proprio() / 10, dtype=torch.float32)

    def rollout(self, z, blocks):
        moves = self.scale / 10 * blocks.unflatten(-1, (-1, 2)).sum(-2)
        return torch.cat([z[..., None, :], z[..., None, :] + moves.cumsum(-2)], -2)

    def normalise_actions(self, actions):
        blocks = torch.as_tensor(np.asarray(actions), dtype=torch.float32)
        return blocks.reshape(*blocks.shape[:-2], -1, self.block_dim)

    def denormalise_actions(self, blocks):
        return blocks.reshape(*blocks.shape[:-2], -1, 2).double().numpy(force=True)

model, second, single, uneven = Walker(), Walker(scale=1.9), Walker(steps=1), Walker(steps=3)
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "walker.py"
    path.write_text(FILE, "utf-8")
    return path


# --- Frozen problems


@pytest.mark.parametrize(("task", "goals"), [("wall", "dataset"), ("wall", "random"), ("point_maze", "dataset")])
def test_the_problems_drawn_here_are_the_frozen_ones(task, goals):
    problems, drawn = manifest.frozen_problems(task, goals), sample_problems(task, goals, 300)
    np.testing.assert_array_equal(problems.goals, drawn.goals)


@pytest.mark.slow
def test_those_of_push_t_are_too():
    assert len(manifest.frozen_problems("push_t", "dataset")) == 300


def test_every_task_has_frozen_problems_for_each_kind_of_its_goals():
    for task in ("push_t", "point_maze", "wall", "rope", "granular"):
        for goals in card_of(task).goals:
            protocol, about = manifest.protocol_of(task, goals), manifest.described(task, goals)
            assert (about["n"], about["split"], about["seed"]) == (protocol.n, "test", 0)


@pytest.mark.parametrize("moved", [1e-3, 1e-5])
def test_other_problems_are_refused(moved, monkeypatch):
    problems = sample_problems("wall", "random", 300)
    problems.goals[7, 1] += moved
    monkeypatch.setattr(manifest.Protocol, "problems", lambda protocol: problems)
    with pytest.raises(LabError, match="not those of the benchmark"):
        manifest.frozen_problems("wall", "random")


def test_the_last_bits_of_a_problem_may_differ(monkeypatch):
    problems = sample_problems("wall", "random", 300)
    problems.goals[:] = np.nextafter(problems.goals, np.inf)
    monkeypatch.setattr(manifest.Protocol, "problems", lambda protocol: problems)
    assert manifest.frozen_problems("wall", "random") is problems


# --- Submissions


def test_a_folder_is_a_submission():
    folder = SHIPPED / "wall" / "base" / "seed0"
    submission = load_submission(str(folder), "wall")
    assert (submission.name, submission.code, submission.weights) == ("base-seed0", None, weights_hash(folder))
    with pytest.raises(LabError, match="is of wall, not of push_t"):
        load_submission(str(folder), "push_t")


def test_a_file_is_a_submission(file):
    first, second = (load_submission(f"{file}:{name}", "wall") for name in ("model", "second"))
    assert first.name == "walker" and first.code == second.code and first.weights != second.weights
    assert type(first.model) is type(second.model)  # the file ran once
    assert not any(weight.requires_grad for weight in first.model.parameters())


def test_a_file_may_put_folders_on_the_path(tmp_path, monkeypatch):
    path = tmp_path / "walker.py"
    path.write_text(f"import sys\nsys.path.insert(0, 'elsewhere')\n{FILE}", "utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = [*sys.path]
    load_submission(f"{path}:model", "wall")
    assert sys.path == ["elsewhere", *before]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("model = 3", "model", "is no world model: it has no rollout, observe, normalise_actions"),
        ("model = 3", "modl", "did you mean 'model'"),
        ("1 / 0", "model", "cannot be run .ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "model", "cannot be run .SystemExit: 3"),
        ("def model(:", "model", "cannot be run .SyntaxError"),
        ("import neighbour_that_is_not_there", "model", "cannot be run .ModuleNotFoundError"),
        (FILE, "Walker", "is a class: name a world model that is made of it"),
        (f"{FILE}\ndel model.block_dim", "model", "it has no block_dim"),
    ],
)
def test_what_is_no_world_model_is_refused_in_one_sentence(text, name, message, tmp_path):
    (tmp_path / "bad.py").write_text(text, "utf-8")
    with pytest.raises(LabError, match=message):
        load_submission(f"{tmp_path / 'bad.py'}:{name}", "wall")


@pytest.mark.parametrize("size", [0, -1, "5", 2.5, None, True])
def test_a_size_of_blocks_that_is_none_is_refused(size, file):
    file.write_text(f"{FILE}\nmodel.block_dim = {size!r}", "utf-8")
    with pytest.raises(LabError, match=r"block_dim of .*walker\.py:model should be a whole number from 1"):
        load_submission(f"{file}:model", "wall")


@pytest.mark.parametrize("returned", ["np.zeros((0, 2))", "np.zeros(2)", "3"])
def test_a_block_without_steps_is_refused(returned, file):
    file.write_text(f"{FILE}\nmodel.denormalise_actions = lambda blocks: {returned}", "utf-8")
    with pytest.raises(LabError, match=r"Walker\.denormalise_actions should return actions"):
        Track("wall").mpc(load_submission(f"{file}:model", "wall").model)


TORCHS = "__import__('torch').zeros(2, 3) @ __import__('torch').zeros(2, 3)"  #: a RuntimeError


@pytest.mark.parametrize("method", ["observe", "rollout", "denormalise_actions"])
@pytest.mark.parametrize(
    "fault", ["{}['pictures']", "1 + None", "1 / 0", "np.zeros(2) @ np.zeros(3)", "None.shape", TORCHS]
)
def test_what_a_model_raises_is_told_by_its_line(method, fault, evaluation, file, tmp_path, capsys):
    file.write_text(f"{FILE}\ndef fails(*_):\n    {fault}\nmodel.{method} = fails", "utf-8")
    line = file.read_text("utf-8").splitlines().index(f"    {fault}") + 1
    assert cli.main([*evaluation, str(tmp_path / "e.json")]) == 2
    told = capsys.readouterr().err
    assert f"{file}, line {line}, in fails: " in told and told.count("\n") == 1 and "Error: " in told


def test_a_fault_of_the_lab_is_not_a_models(evaluation, tmp_path, monkeypatch):
    monkeypatch.setattr("lab.leaderboard.entry.enter", lambda *_: {}["missing"])
    with pytest.raises(KeyError):
        cli.main([*evaluation, str(tmp_path / "e.json")])


@pytest.mark.parametrize("returned", ["{}", "None", "[0.0]", "np.zeros((2, 2))"])
def test_what_is_observed_must_be_a_tensor(returned, evaluation, file, tmp_path, capsys):
    file.write_text(f"{FILE}\nmodel.observe = lambda observation: {returned}", "utf-8")
    assert cli.main([*evaluation, str(tmp_path / "e.json")]) == 2
    assert "Walker.observe should return z (2, 'Z')" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["nowhere.py:model", "walker.py", "walker", ":", "lab/cli"])
def test_what_is_not_there_is_refused(place):
    with pytest.raises(LabError, match="is neither"):
        load_submission(place, "wall")


# --- Entries


def test_an_entry_says_what_evaluate_measures(file, tmp_path):
    track = Track("wall", n=12)
    submissions = [load_submission(f"{file}:{name}", "wall") for name in ("model", "second")]
    entry = enter("walker", submissions, track, FEW)
    problems = sample_problems("wall", "dataset", 300)[:12]
    base = load_model(SHIPPED / "wall" / "base" / "seed0")
    ours, theirs = (
        np.stack([evaluate(model, FEW, problems).success["full"] for model in models], 1)
        for models in ([submission.model for submission in submissions], [base])
    )
    for who, success in (("models", ours), ("base", theirs)):
        assert entry["by_problem"]["full"][who] == ["".join(map(str, row.astype(int))) for row in success.T]
    assert entry["rates"]["full"][0] == ours.mean() and entry["base"]["full"][0] == theirs.mean()
    assert entry["minus_base"]["full"] == list(paired_difference(ours, theirs))
    assert entry["floors"]["nothing"]["full"][0] == 0 and entry["train_seeds"] == 2
    assert entry["versions"]["torch"] == torch.__version__ and entry["milliseconds"] > 0
    save_entry(entry, tmp_path / "e.json")
    with pytest.raises(LabError, match="is of the first 12 problems"):
        load_entry(tmp_path / "e.json")


@pytest.mark.parametrize("mode", MODES)
def test_a_model_with_blocks_of_one_step_plans_as_many_steps(mode, file):
    track = Track("wall", mode=mode, n=3)
    for name, blocks in (("model", 1), ("single", 5)):
        mpc = track.mpc(load_submission(f"{file}:{name}", "wall").model)
        assert (mpc.horizon, mpc.execute, mpc.budget) == (5 * blocks, MODES[mode].execute * blocks, MODES[mode].budget)
    with pytest.raises(LabError, match="has 5 steps, or a divisor of that many, got 3"):
        track.mpc(load_submission(f"{file}:uneven", "wall").model)


@pytest.fixture(scope="module")
def whole_entry(tmp_path_factory) -> dict:
    """An entry of all problems, as `load_entry` gives it."""
    path = tmp_path_factory.mktemp("entry") / "walker.py"
    path.write_text(FILE, "utf-8")
    entry = enter("walker", [load_submission(f"{path}:model", "wall")], Track("wall", "random"), FEW)
    save_entry(entry, path.with_suffix(".json"))
    return load_entry(path.with_suffix(".json"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by_problem": {"full": {who: ["1" * 299] for who in MARKED}}}, "300 problems"),
        ({"by_problem": {"full": {who: ["1" * 300] for who in MARKED}}}, "other numbers"),
        ({"by_problem": {"full": {who: ["1" * 300, "1"] for who in MARKED}}}, "no whole entry"),
        ({"by_problem": {"full": {who: [["1"] * 300] for who in MARKED}}}, "no whole entry"),
        ({"by_problem": 3}, "no whole entry"),
        ({"problems": {}}, "300 problems"),
        ({"task": "chess"}, "Unknown task"),
        ({"rates": {}}, "other numbers"),
        *[({name: {"full": [0.9, 0.8, 1.0]}}, "other numbers") for name in ("rates", "minus_base", "base")],
        ({"floors": {name: {"full": [0.9, 0.8, 1.0]} for name in ("nothing", "random")}}, "other numbers"),
        ({"train_seeds": 5}, "other numbers"),
        ({"name": "a | b"}, "name of an entry"),
        ({"name": "a\nb"}, "name of an entry"),
        ({"name": 3}, "no whole entry"),
        ({"base_weights": "0" * 64}, "another base model"),
        ({"settings": {"planner": {"iterations": 9999}}}, "other settings of the planner"),
        ({"format": "wm-lab/1"}, "not of this lab"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(change, message, whole_entry, tmp_path):
    save_entry(whole_entry | change, tmp_path / "e.json")
    with pytest.raises(LabError, match=message) as refused:
        leaderboard(tmp_path)
    assert "\n" not in str(refused.value)


def test_an_entry_without_one_of_its_parts_is_refused(whole_entry, tmp_path):
    used = {*HEAD[:4], "n", "name", "train_seeds", "rates", "minus_base", "base", "floors", "settings", "models"}
    for name in {*used, "by_problem", "problems", "base_weights"}:
        save_entry({key: value for key, value in whole_entry.items() if key != name}, tmp_path / "e.json")
        with pytest.raises(LabError, match=r"measure it again|write it again"):
            leaderboard(tmp_path)


def test_a_changed_entry_is_refused(whole_entry, tmp_path):
    save_entry(whole_entry, path := tmp_path / "e.json")
    path.write_text(path.read_text("utf-8").replace('"name": "walker"', '"name": "better"'), "utf-8")
    with pytest.raises(LabError, match="has been changed since"):
        leaderboard(tmp_path)


def test_the_leaderboard_has_the_best_first(whole_entry, tmp_path):
    assert leaderboard(tmp_path).empty
    for name, count in (("worst", 0), ("best", 200), ("middle", 100)):
        marks = {"full": whole_entry["by_problem"]["full"] | {"models": ["1" * count + "0" * (300 - count)]}}
        save_entry(whole_entry | {"name": name, "by_problem": marks} | numbers(marks), tmp_path / f"{name}.json")
    save_entry(whole_entry, tmp_path / "walker.json")
    table = leaderboard(tmp_path)
    assert list(table) == HEAD and list(table.model[table.model != "walker"]) == ["best", "middle", "worst"]
    assert list(table[HEAD[7]])[-1] == "0 [0, 1]" and set(table.n) == {"300"} and set(table.task) == {"Wall"}


def test_all_committed_entries_can_be_read():
    table = leaderboard()
    assert len(table) == len(list(FOLDER.glob("*.json"))) >= 8
    assert set(table[HEAD[8]][table.model == "wm-lab base"]) == {"–"}  # a model is not compared with itself
    assert "–" not in set(table[HEAD[8]][table.model != "wm-lab base"])


def test_the_command_writes_an_entry(file, tmp_path, change_card, capsys):
    settings = card_of("wall").settings
    change_card("wall", settings=type(settings)({"adam": {"iterations": 2}}))
    words = ["evaluate", f"{file}:model", f"{file}:second", "--task", "wall", "--problems", "4", "--name", "w"]
    assert cli.main([*words, "--out", str(tmp_path / "e.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "w on 4 dataset problems of wall, open:" and "floors: nothing 0%" in lines[1]
    assert Path(lines[-1].removeprefix("entry: ")) == tmp_path / "e.json"
    assert json.loads((tmp_path / "e.json").read_text("utf-8"))["settings"]["planner"]["iterations"] == 2
    assert cli.main([*words, "--out", str(tmp_path / "e.json")]) == 2 and "is there already" in capsys.readouterr().err
    assert cli.main([*words[:-1], "../w"]) == 2 and "name of an entry" in capsys.readouterr().err
    assert cli.main([*words[:4], "wall", "--problems", "301"]) == 2 and "has 300" in capsys.readouterr().err


@pytest.fixture
def evaluation(file, tmp_path, change_card) -> list[str]:
    """A short ``evaluate``, all but its ``--out``."""
    change_card("wall", settings=type(card_of("wall").settings)({"adam": {"iterations": 2}}))
    return ["evaluate", f"{file}:model", "--task", "wall", "--problems", "2", "--name", "w", "--out"]


def test_of_two_evaluations_for_one_file_the_first_keeps_it(evaluation, tmp_path, capsys, monkeypatch):
    out = tmp_path / "e.json"

    def enter_late(*arguments):
        entry = enter(*arguments)
        out.write_text("of the first", "utf-8")
        return entry

    monkeypatch.setattr("lab.leaderboard.entry.enter", enter_late)
    assert cli.main([*evaluation, str(out)]) == 2
    told = capsys.readouterr()
    assert told.out.startswith("w on 2 dataset problems") and "entry:" not in told.out
    assert "is there already" in told.err and out.read_text("utf-8") == "of the first"


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("e.txt", "must end in .json"),
        ("folder", "is a folder"),
        ("folder.json", "is a folder"),
        ("file/e.json", "Cannot write"),
    ],
)
def test_an_entry_that_cannot_be_written_is_not_measured(out, message, evaluation, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("lab.leaderboard.entry.enter", lambda *_: pytest.fail("it was measured"))
    for name in ("folder", "folder.json"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    assert cli.main([*evaluation, str(tmp_path / out)]) == 2
    assert message in capsys.readouterr().err


def test_an_entry_that_the_disk_refuses_is_printed_and_leaves_nothing(evaluation, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise LabError("Cannot write it: the disk is full.")

    monkeypatch.setattr("lab.leaderboard.entry.write_manifest", full)
    assert cli.main([*evaluation, str(tmp_path / "e.json")]) == 2
    told = capsys.readouterr()
    assert told.out.startswith("w on 2 dataset problems") and "disk is full" in told.err
    assert not (tmp_path / "e.json").exists()


def test_how_to_send_an_entry_is_told():
    told = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
    assert "python -m lab evaluate" in told and FOLDER.relative_to(ROOT).as_posix() in told
