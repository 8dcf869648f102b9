"""What others have made: files of torch.save read without executing them, world models and data of all kinds."""

import builtins
import os
import pickle
import sys
import tracemalloc
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from torch import nn

from lab.cli import main
from lab.data.imported import Trajectory, imported_folder, load_imported, save_imported
from lab.errors import LabError
from lab.files import models_root
from lab.importers import authors, lerobot, pickles
from lab.importers import folder as own
from lab.importers.pickles import LARGEST, read_pickle, read_tensor, read_torch, weights
from lab.models import load_model
from lab.planning import Settings
from lab.repro.custom_run import custom_runs
from lab.repro.verify import verify
from lab.tasks import TASKS, make_task

# --- Files of torch.save, and pickles


@pytest.fixture
def saved(tmp_path):
    """``saved(value)``: the file that torch.save makes of it."""

    def save(value, name="file.pth") -> Path:
        torch.save(value, tmp_path / name)
        return tmp_path / name

    return save


def rewritten(path: Path, **entries: bytes | None) -> Path:
    """The file of torch.save with some of its entries replaced; None: left out."""
    with zipfile.ZipFile(path) as archive:
        old = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in old.items():
            data = entries.get(name.partition("/")[2], data)
            if data is not None:
                archive.writestr(name, data)
    return path


def pickled(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return next(archive.read(name) for name in archive.namelist() if name.endswith("/data.pkl"))


def test_weights_are_those_of_the_state_dict(saved):
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ModuleList([nn.Conv1d(1, 2, 1), nn.GELU()]))
    optimiser = torch.optim.AdamW.__new__(torch.optim.AdamW)  # what is saved of one; making one takes seconds
    state = defaultdict(dict, {module[0].weight: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(3, 2)}})
    optimiser.__dict__ |= {"defaults": {}, "state": state, "param_groups": [{"params": [module[0].weight]}]}
    found = read_torch(path := saved({"epoch": 7, "module": module, "optimiser": optimiser}))
    assert found["epoch"] == 7
    torch.testing.assert_close(weights(found["module"], path), dict(module.state_dict()), rtol=0, atol=0)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8]
)
def test_tensors_of_all_kinds_and_views_are_read(dtype, saved):
    whole = torch.arange(24).reshape(2, 3, 4).to(dtype)
    for tensor in (whole, whole[1, :, 1:3], whole.permute(2, 0, 1), whole[:0], whole[0, 0, 0]):
        assert torch.equal(read_tensor(saved(tensor)), tensor)
    assert read_tensor(saved(nn.Parameter(torch.ones(2)))).tolist() == [1, 1]
    assert read_torch(saved([dtype, whole.shape, torch.device("cpu"), {1, 2}])) == [dtype, (2, 3, 4), None, [1, 2]]


class Reduces:
    """A pickle of it calls ``call(*args)`` when it is loaded."""

    def __init__(self, call, *args):
        self.reduced = call, args

    def __reduce__(self):
        return self.reduced


MARK = "executed by a pickle"
ATTACKS = {
    "os.system": Reduces(os.system, f"touch '{MARK}'"),
    "builtins.eval": Reduces(eval, f"open('{MARK}', 'w')"),
    "builtins.exec": Reduces(exec, f"open('{MARK}', 'w')"),
    "builtins.open": Reduces(open, MARK, "w"),
    "nested": {"predictor": [("x", Reduces(dict, [Reduces(builtins.__import__, "antigravity")]))]},
    "os.mkdir": Reduces(os.mkdir, MARK),
    "torch.load": Reduces(torch.load, "other.pth"),
    "pickle.loads": Reduces(pickle.loads, b"cos\nsystem\n(S'true'\ntR."),
    "a class of the lab": Path("x"),
}


@pytest.mark.parametrize("attack", ATTACKS, ids=ATTACKS.keys())
@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_nothing_that_a_file_asks_for_is_executed(attack, kind, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if kind == "torch":
        path, read = saved({"epoch": 1, "attack": ATTACKS[attack]}), read_torch
    else:
        path, read = tmp_path / "file.pkl", read_pickle
        path.write_bytes(pickle.dumps([1, ATTACKS[attack]]))
    with pytest.raises(
        LabError, match=r"is refused, and nothing of it was executed: it asks for \S+, which"
    ) as refused:
        read(path)
    assert "\n" not in str(refused.value) and not (tmp_path / MARK).exists() and "antigravity" not in sys.modules


#: a program that leaves the one storage of the file of torch.ones(1)
NUMBERS = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"


@pytest.mark.parametrize(
    "program",
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n}b.",  # the state of a function
        b"ccollections\nOrderedDict\n(N}X\x06\x00\x00\x00updateK\x01stb.",  # an attribute of a class
        b"cmodels.vit\nX\n(N}X\x05\x00\x00\x00stateK\x01stb.",  # the same of a shell's class
        NUMBERS + b"]K\x01ab.",  # the numbers of a tensor
    ],
)
def test_no_pickle_changes_what_others_are_read_with(program, saved):
    path = rewritten(saved(torch.ones(1)), **{"data.pkl": b"\x80\x02" + program})
    with pytest.raises(LabError, match="refused"):
        read_torch(path)
    assert torch.equal(read_tensor(saved(torch.ones(3))), torch.ones(3))


#: a dict of 5000, and a list for copies of it
MANY = b"}q\x00(" + b"".join(b"M" + i.to_bytes(2, "little") + b"N" for i in range(5000)) + b"u]"
COPIES = [b"cbuiltins\nlist", b"cbuiltins\nset", b"ccollections\nOrderedDict", b"ctorch\nSize", b"cbuiltins\ndict"]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        *[(b"Nr" + place.to_bytes(4, "little") + b".", "in memory") for place in (3, 2**24, 2**32 - 1)],
        (b"Np16777216\n.", "in memory"),
        *[(b"\x8e" + size.to_bytes(8, "little") + b".", "bytes") for size in (2**31, 2**40)],
        *[(MANY + name + b"\nq\x010" + 999 * b"h\x01h\x00\x85Ra" + b".", "copies more") for name in COPIES],
    ],
)
@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_no_pickle_takes_more_memory_than_it_has_bytes(program, message, kind, saved):
    path, program = saved(torch.ones(1)), b"\x80\x02" + program
    if kind == "torch":
        rewritten(path, **{"data.pkl": program})
    else:
        path.write_bytes(program)
    tracemalloc.start()
    with pytest.raises(LabError, match=message):
        (read_torch if kind == "torch" else read_pickle)(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**24


def test_a_large_pickle_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pickles, "LARGEST", 20)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([*range(20)]))
    with pytest.raises(LabError, match="larger than 20 bytes"):
        read_pickle(tmp_path / "x.pkl")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data/0": bytes(11)}, "has 11 bytes, perhaps compressed, and should have 12"),
        ({"data/0": bytes(10**6)}, "has 1000000 bytes"),
        ({"data/0": None}, "is missing, and should have 12"),
        ({"data.pkl": None}, "its data.pkl is missing"),
        ({"data.pkl": b"\x80\x02."}, "refused"),
        ({"data.pkl": b""}, "refused"),
    ],
)
def test_a_file_that_does_not_hold_what_it_names_is_refused(change, message, saved):
    path = rewritten(saved(torch.ones(3)), **change)
    with pytest.raises(LabError, match=message):
        read_torch(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\x03\x85", b"K\x04\x85"),  # four numbers of a storage of three
        (b"K\x00K\x03\x85", b"K\x01K\x03\x85"),  # from the second on
        (b"K\x01\x85", b"K\x02\x85"),  # every second one
        (b"FloatStorage", b"LongStorage"),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused(old, new, saved):
    path = saved(torch.ones(3))
    data = pickled(path)
    assert old in data
    rewritten(path, **{"data.pkl": data.replace(old, new, 1) if len(old) > 4 else new.join(data.rsplit(old, 1))})
    with pytest.raises(LabError, match="refused"):
        read_torch(path)


def test_a_compressed_file_is_refused(saved, tmp_path):
    path = saved(torch.zeros(1000))
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    with pytest.raises(LabError, match="perhaps compressed"):
        read_torch(path)
    assert LARGEST > 10**6


def test_a_damaged_file_is_refused_or_read_but_raises_nothing_else(saved):
    """Every seventh byte in its turn: encrypted, compressed, cut off, of another version, with other numbers, …"""
    path = saved({"module": nn.Linear(2, 1), "epoch": 3})
    whole, refused = path.read_bytes(), 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 + place % 255)]) + whole[place + 1 :])
        try:
            read_torch(path)
        except LabError:
            refused += 1
    assert refused > len(whole) / 70


@pytest.mark.parametrize("data", [b"", b"PK", b"\x80\x02}q.", b"nonsense" * 99])
def test_what_is_no_file_of_torch_is_refused(data, tmp_path):
    (tmp_path / "x.pth").write_bytes(data)
    for read in (read_torch, read_tensor):
        with pytest.raises(LabError, match=r"no file of torch\.save"):
            read(tmp_path / "x.pth")
    with pytest.raises(LabError, match="does not exist"):
        read_torch(tmp_path / "nowhere.pth")


def test_lists_of_numbers_and_texts_are_read(tmp_path):
    value = {"lengths": [3, 4, 5], "shapes": ["T", "L"], "half": (0.5, None, True)}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(value))
    assert read_pickle(tmp_path / "x.pkl") == value


# --- Data sets


def episodes(task: str, lengths=(7, 12, 3)) -> list[Trajectory]:
    simulator, rng = make_task(task), np.random.default_rng(0)
    parts = [simulator.collect(rng, 1, steps) for steps in lengths]
    return [Trajectory(states[0], actions[0]) for states, actions in parts]


def test_episodes_are_cut_into_segments(empty_cache):
    found = episodes("wall")
    folder = save_imported("wall", "mine", found, "a test", 16, steps=5, progress=False)
    data = load_imported("wall", "mine")
    assert folder == imported_folder("wall", "mine") and data.task.name == "wall"
    expected = [found[0].states[:6], found[1].states[:6], found[1].states[5:11]]
    np.testing.assert_array_equal(data.states, expected)
    np.testing.assert_array_equal(data.actions[2], found[1].actions[5:10])
    np.testing.assert_array_equal(data.pixels[1], make_task("wall").render(found[1].states[:6], 16))
    assert verify([folder])[1] == []
    with pytest.raises(LabError, match="already"):
        save_imported("wall", "mine", found, "a test", 16, steps=5)


def test_a_changed_data_set_is_refused(empty_cache):
    folder = save_imported("wall", "mine", episodes("wall"), "a test", 16, steps=5, progress=False)
    path = folder / "state.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(LabError, match="has been changed"):
        load_imported("wall", "mine")


STATES = np.arange(12.0).reshape(6, 2)


def walk(states=STATES, actions=STATES[:5], pictures=None) -> Trajectory:
    """A trajectory of Wall of 5 steps."""
    return Trajectory(states, actions, pictures)


@pytest.mark.parametrize(
    ("trajectory", "message"),
    [
        (Trajectory(np.zeros((6, 3)), np.zeros((5, 2))), r"Episode 0: wall has states \(T \+ 1, 2\) \(x, y\)"),
        (Trajectory(np.zeros((5, 2)), np.zeros((5, 2))), r"got \(5, 2\) and \(5, 2\)"),
        (Trajectory(np.full((6, 2), np.nan), np.zeros((5, 2))), "not finite"),
        (walk(pictures=lambda rows: np.zeros((6, 8, 8, 4), "u1")), "Pictures are"),
        (walk(pictures=lambda rows: np.zeros((6, 8, 8, 3))), "float64"),
        (walk(pictures=lambda rows: np.zeros((6, 0, 0, 3), "u1")), "Pictures are"),
        (walk(pictures=lambda rows: np.zeros((), "u1")), "Pictures are"),
        (walk(states=np.float64(1)), r"got \(\) and"),
        (walk(actions=np.float64(1)), r"and \(\)"),
        (walk(actions=np.ones((5, 2))), "action dx is the same everywhere in a test"),
        (walk(actions=np.arange(10.0).reshape(5, 2) * [1, 0]), "action dy is the same everywhere"),
        (walk(states=np.full((6, 2), 0.1)), "state x is the same everywhere"),
        (walk(states=STATES + 1000), "Episode 0 has x, y far outside of the world of wall"),
        (walk(states=STATES * [1, 1e300]), "Episode 0 has y far outside of the world of wall"),
        (Trajectory(np.zeros((3, 2)), np.zeros((2, 2))), "No episode in a test has 5 steps"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(trajectory, message, empty_cache):
    with pytest.raises(LabError, match=message):
        save_imported("wall", "mine", [trajectory], "a test", 16, steps=5, progress=False)
    assert not imported_folder("wall", "mine").exists()


@pytest.mark.parametrize("steps", [1, 4])
def test_segments_shorter_than_a_block_are_refused(steps, empty_cache):
    with pytest.raises(LabError, match=f"segments of {steps} hold none: take --steps 5 or more"):
        save_imported("wall", "mine", episodes("wall"), "a test", 16, steps=steps, progress=False)
    assert not imported_folder("wall", "mine").exists()


@pytest.mark.parametrize("task", TASKS)
def test_data_of_every_task_are_within_its_world(task, empty_cache):
    found = episodes(task, (6, 6))
    assert save_imported(task, "mine", found, "a test", 16, steps=6, progress=False).is_dir()
    turned = found[0].states + 100 * np.array(["angle" in field for field in make_task(task).state_fields])
    again = Trajectory(turned, found[0].actions)
    assert save_imported(task, "turned", [again], "a test", 16, steps=6, progress=False).is_dir()


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", "x" * 41, "-x"])
def test_a_name_that_no_folder_can_have_is_refused(name):
    with pytest.raises(LabError, match="name of a data set"):
        load_imported("wall", name)


@pytest.fixture
def own_folder(tmp_path) -> Path:
    """Two episodes of Wall, one with pictures as files, one as an array."""
    for number, trajectory in enumerate(episodes("wall", (10, 7))):
        place = tmp_path / "mine" / f"episode{number}"
        place.mkdir(parents=True)
        np.save(place / "states.npy", trajectory.states)
        np.save(place / "actions.npy", trajectory.actions)
        pictures = make_task("wall").render(trajectory.states, 32)
        if number:
            np.save(place / "pictures.npy", pictures)
        else:
            for i, picture in enumerate(pictures):
                Image.fromarray(picture).save(place / f"frame_{i}.png")
    return tmp_path / "mine"


def test_a_folder_of_ones_own(own_folder):
    first, second = own.trajectories(own_folder)
    for trajectory in (first, second):
        expected = make_task("wall").render(np.array(trajectory.states[1:4]), 32)
        np.testing.assert_array_equal(trajectory.pictures(slice(1, 4)), expected)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda place: (place / "frame_0.png").unlink(), "has 10 pictures for 11 states"),
        (lambda place: (place / "actions.npy").unlink(), "not a readable array"),
        (lambda place: np.save(place / "states.npy", np.array([{}]), allow_pickle=True), "not a readable array"),
        (lambda place: np.save(place / "states.npy", np.array(["x"])), "should hold numbers"),
        (lambda place: (place / "frame_1.png").write_bytes(b"x"), "not a readable picture"),
        (lambda place: Image.new("RGB", (9, 8)).save(place / "frame_1.png"), r"sizes, such as \(8, 9\) and \(32, 32\)"),
        *[
            (lambda place, name=name: np.save(place / f"{name}.npy", np.uint8(1)), rf"{name}\.npy should have . dim")
            for name in ("states", "actions", "pictures")
        ],
        (lambda place: np.save(place / "pictures.npy", np.zeros((11, 0, 0, 3), np.uint8)), "Pictures are"),
    ],
)
def test_a_broken_folder_is_refused(spoil, message, own_folder, empty_cache):
    spoil(own_folder / "episode0")
    with pytest.raises(LabError, match=message):
        save_imported("wall", "mine", own.trajectories(own_folder), "a test", 16, steps=5, progress=False)
    with pytest.raises(LabError, match=r"no subfolder with a states\.npy"):
        own.trajectories(own_folder / "episode0")


def test_what_was_imported_is_trained_on_and_planned_with(own_folder, empty_cache, tiny_recipes, change_card, capsys):
    change_card("wall", settings=Settings({"gd": {"iterations": 2}}))
    words = ["import", "folder", str(own_folder), "--task", "wall", "--name", "mine", "--steps", "6"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["2 segments of 6 steps, from 2 episodes of wall", str(imported_folder("wall", "mine"))]
    assert main(words) == 2 and "already" in capsys.readouterr().err
    assert main(["train", "--task", "wall", "--method", "control", "--data", "mine", "--steps", "3"]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    assert folder.name == "control-steps3-datamine-seed0"
    (run,) = custom_runs("wall")
    assert run.data == "mine" and run.trained and run.command[-4:] == ("--data", "mine", "--seed", "0")
    assert main(["train", "--task", "wall", "--method", "base", "--data", "mine", "--steps", "2"]) == 0
    base = Path(capsys.readouterr().out.splitlines()[-1])
    data = load_imported("wall", "mine")
    for model in (load_model(folder), load_model(base)):  # nothing is of our own data
        np.testing.assert_allclose(model.action_std, data.actions.std((0, 1), ddof=1), rtol=1e-5)
        np.testing.assert_allclose(model.proprio_mean, data.states.mean((0, 1)), rtol=1e-5)
    assert not models_root().exists()
    assert main(["plan", "--task", "wall", "--checkpoint", str(folder), "--problems", "1", "--planner", "gd"]) == 0
    assert main(["train", "--task", "wall", "--method", "control", "--data", "yours"]) == 2
    assert "bring it in by 'python -m lab import'" in capsys.readouterr().err


# --- The authors' data


def save_authors(task: str, folder: Path, pictures: bool = True, **wrong) -> tuple[np.ndarray, np.ndarray]:
    """Data of theirs in ``folder``: two episodes, of 8 and 6 frames; returns states and actions of the first."""
    simulator, rng = make_task(task), np.random.default_rng(0)
    states, actions = (torch.from_numpy(part).float() for part in simulator.collect(rng, 2, 8))
    states, lengths = states[:, :8], [8, 6]
    files = {"actions": actions, "seq_lengths": torch.tensor(lengths)}
    if task == "push_t":
        files = {"rel_actions": 100 * actions, "velocities": states[..., 5:], "states": states[..., :5]}
    elif task == "wall":
        lengths = [8, 8]
        files = {"actions": actions, "door_locations": torch.full((2, 8, 1), 30.0)}
        files["wall_locations"] = torch.full((2, 8, 1), 32)
    (folder / "obses").mkdir(parents=True)
    for name, tensor in ({"states": states} | files | wrong).items():
        torch.save(tensor, folder / f"{name}.pth")
    if task == "push_t":
        (folder / "seq_lengths.pkl").write_bytes(pickle.dumps(lengths))
    elif pictures:
        for number in range(2):
            film = torch.from_numpy(simulator.render(states[number].double().numpy(), 32))
            film = film.permute(0, 3, 1, 2).float() if task == "wall" else film
            torch.save(film, folder / "obses" / f"episode_{number:03d}.pth")
    return states[0].double().numpy(), actions[0].double().numpy()


@pytest.mark.parametrize("task", ["push_t", "point_maze", "wall"])
def test_the_authors_data(task, tmp_path):
    states, actions = save_authors(task, tmp_path / "data" / "train")
    first, second = authors.trajectories(tmp_path / "data")
    np.testing.assert_array_equal(first.states, states)
    np.testing.assert_allclose(first.actions, actions[:7], rtol=1e-6)
    assert [len(second.states), len(second.actions)] == ([8, 7] if task == "wall" else [6, 5])
    if task == "push_t":
        assert first.pictures is None
    else:
        np.testing.assert_array_equal(first.pictures(slice(2, 5)), make_task(task).render(states[2:5], 32))


def test_the_command_brings_the_authors_data_in(tmp_path, empty_cache, capsys):
    states, _ = save_authors("point_maze", tmp_path / "point_maze")
    words = ["import", "authors", str(tmp_path / "point_maze"), "--task", "point_maze", "--name", "theirs"]
    assert main([*words, "--steps", "5"]) == 0
    assert "2 segments of 5 steps, from 2 episodes of point_maze" in capsys.readouterr().out
    np.testing.assert_array_equal(load_imported("point_maze", "theirs").states[0], states[:6])
    assert main([*words[:-3], "wall", "--name", "theirs", "--steps", "5"]) == 2
    assert "wall has states (T + 1, 2)" in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(2, 8, 1), (2, 8)])
def test_a_wall_elsewhere_is_told(shape, tmp_path):
    save_authors("wall", tmp_path, door_locations=torch.full(shape, 10.0), wall_locations=torch.full(shape, 32))
    with pytest.warns(UserWarning, match="Their door is at 10 px, and this lab's at 30: plans meet ours"):
        authors.trajectories(tmp_path)


@pytest.mark.parametrize(
    ("kind", "options"),
    [(kind, option) for kind in ("folder", "authors", "lerobot") for option in ("--data x", "--preset quick")]
    + [("release", option) for option in ("--steps 5", "--episodes 5", "--family small")],
)
def test_an_option_without_a_use_is_refused(kind, options, tmp_path, capsys):
    words = ["import", kind, str(tmp_path), "--task", "wall", "--name", "base", *options.split()]
    assert main(words) == 2 and f"{options.split()[0]} is of " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"actions": torch.zeros(2, 7, 2)}, "which do not fit"),
        ({"seq_lengths": torch.tensor([8])}, "1 lengths, which do not fit"),
        ({"seq_lengths": torch.tensor([8, 9])}, "Episode 1 in .* has length 9, and its states 8"),
        ({"seq_lengths": torch.tensor([8.5, 3])}, "has length 8.5"),
        ({"states": torch.zeros(2, 8)}, "should hold numbers .episodes, steps, numbers."),
        ({"states": Reduces(os.system, "true")}, "nothing of it was executed"),
    ],
)
def test_the_authors_data_with_something_wrong(wrong, message, tmp_path):
    save_authors("point_maze", tmp_path, **wrong)
    with pytest.raises(LabError, match=message):
        authors.trajectories(tmp_path)
    with pytest.raises(LabError, match="none of the authors' data"):
        authors.trajectories(tmp_path / "obses")


def test_the_authors_data_with_a_picture_missing(tmp_path):
    save_authors("point_maze", tmp_path)
    (tmp_path / "obses" / "episode_001.pth").unlink()
    with pytest.raises(LabError, match=r"episode_001.pth is missing, as are 1 of 2"):
        authors.trajectories(tmp_path)
    save_authors("point_maze", tmp_path / "bare", pictures=False)
    assert authors.trajectories(tmp_path / "bare")[0].pictures is None


def test_lengths_that_are_none_are_told_by_type(tmp_path):
    save_authors("push_t", tmp_path)
    nested: list = []
    for _ in range(40):
        nested = [nested, nested]  # as text, longer than any memory
    (tmp_path / "seq_lengths.pkl").write_bytes(pickle.dumps([nested, 8]))
    with pytest.raises(LabError, match=r"a list of whole numbers, and has int, list\.$"):
        authors.trajectories(tmp_path)


# --- LeRobot's PushT


def save_lerobot(folder: Path, files: int = 2, **wrong) -> np.ndarray:
    """Two episodes of 9 and 7 frames in the layout of version 3 of LeRobot's data sets; returns the first's states."""
    task, rng, rows = make_task("push_t"), np.random.default_rng(0), []
    boxes = np.array([[(-60, 30), (60, 30), (60, 0), (-60, 0)], [(-15, 30), (-15, 120), (15, 120), (15, 30)]])
    parts = [task.collect(rng, 1, steps) for steps in (9, 7)]
    for episode, (states, actions) in enumerate(parts):
        for frame, (state, action) in enumerate(zip(states[0, :-1], actions[0], strict=True)):
            cos, sin = np.cos(state[4]), np.sin(state[4])
            corners = boxes @ np.array([[cos, sin], [-sin, cos]]) + state[2:4]
            row = {"episode_index": episode, "frame_index": frame, "observation.state": state[:2].tolist()}
            row |= {"observation.environment_state": corners.ravel().tolist(), "next.done": False}
            rows.append(row | {"action": (state[:2] + 100 * action).tolist()} | wrong)
    for number in range(files):
        path = folder / "data" / "chunk-000" / f"file-{number:03d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(arrow.Table.from_pylist(rows[number::files]), path)
    return parts[0][0][0]


def test_lerobots_push_t(tmp_path, empty_cache, capsys):
    states = save_lerobot(tmp_path / "pusht_keypoints")
    first, second = lerobot.trajectories(tmp_path / "pusht_keypoints")
    np.testing.assert_allclose(first.states[:, :5], states[:9, :5], atol=1e-9)
    np.testing.assert_allclose(first.states[1:, 5:], 10 * np.diff(states[:9, :2], axis=0), atol=1e-9)
    assert (len(first.actions), len(second.actions)) == (8, 6) and first.pictures is None
    replayed = make_task("push_t").simulate(states[None, :1].reshape(1, 7), first.actions[None])
    np.testing.assert_allclose(replayed[0], states[:9], atol=1e-6)  # targets are displacements here
    words = ["import", "lerobot", str(tmp_path / "pusht_keypoints"), "--task", "push_t", "--name", "people"]
    assert main([*words, "--steps", "5"]) == 0 and "2 segments of 5 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"action": [1.0]}, "The column action in .* should have 2 numbers"),
        ({"action": None}, "are not those of lerobot/pusht_keypoints|should have 2 numbers"),
        ({"observation.environment_state": [0.0] * 16}, "are not those of a T"),
        ({"observation.environment_state": [0.0] * 2}, "should have 16 numbers"),
    ],
)
def test_other_tables_are_refused(wrong, message, tmp_path):
    save_lerobot(tmp_path, **wrong)
    with pytest.raises(LabError, match=message):
        lerobot.trajectories(tmp_path)


def test_tables_without_poses_are_refused(tmp_path):
    with pytest.raises(LabError, match=r"no data/\*\*/\*\.parquet"):
        lerobot.trajectories(tmp_path)
    (tmp_path / "data").mkdir()
    parquet.write_table(arrow.table({"action": [[1.0, 2.0]]}), tmp_path / "data" / "x.parquet")
    with pytest.raises(LabError, match="not those of lerobot/pusht_keypoints"):
        lerobot.trajectories(tmp_path)
    (tmp_path / "data" / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(LabError, match="not those of lerobot/pusht_keypoints"):
        lerobot.trajectories(tmp_path)
