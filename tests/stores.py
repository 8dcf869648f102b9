"""Every format in which the lab keeps numbers: made small, and read back as one text that tells the numbers apart."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from lab.data import DataSpec, load_or_collect, sample_problems
from lab.data.imported import Trajectory, load_imported, save_imported
from lab.errors import LabError
from lab.files import write_json
from lab.leaderboard.entry import FLOORS, FORMAT, Track, load_entry, numbers, save_entry
from lab.leaderboard.manifest import described
from lab.models import ModelSpec, WorldModel, load_model, read_info, save_model
from lab.models.initialisation import InitialisationNetwork, load_initialisation, save_initialisation
from lab.options import plain
from lab.repro.custom_run import SETTINGS, CustomRun, custom_runs
from lab.results import Result, keep_tables, load_result, load_table, save_result, save_table
from lab.studies.common.cases import Cases
from lab.tasks import make_task
from lab.training.latents import encode_dataset
from lab.training.log import Log, read_log
from lab.training.loop import Schedule, fit
from lab.training.online import read_rounds

SPEC = ModelSpec("wall", "pyramid", latent_dim=4, proprio_dim=2, hidden=8, layers=1)
DATA = DataSpec("wall", "tune", episodes=2, size=16)
TABLE = pd.DataFrame({"model": ["base", "online"], "rate": [0.25, 0.75], "n": [3, 4]})


@dataclass(frozen=True)
class Store:
    """A stored thing: ``make`` writes it below the cache (or a folder), ``read`` gives what a reader gets of it."""

    make: Callable[[Path], None]
    read: Callable[[Path], object]

    def numbers(self, folder: Path) -> tuple[str, str]:
        """Hashes of all that is read, and of its tensors alone: a model without its own SHA-256 names theirs."""
        value = self.read(folder)
        everything, tensors = (hashlib.sha256(text).hexdigest() for text in (_text(value), _text(_tensors(value))))
        return everything, tensors


def _text(value: object) -> bytes:
    """All numbers of ``value``, with names, shapes and types."""
    if isinstance(value, dict):
        return b"".join(str(name).encode() + _text(part) for name, part in value.items())
    if isinstance(value, list | tuple):
        return b"".join(map(_text, value))
    if isinstance(value, torch.Tensor):
        value = value.numpy(force=True)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}".encode() + value.tobytes()
    return (value.to_csv() if isinstance(value, pd.DataFrame) else repr(value)).encode()


def _tensors(value: object) -> object:
    """The tensors of ``value``, by name."""
    if isinstance(value, list | tuple):
        return [_tensors(part) for part in value]
    return value if isinstance(value, dict) and all(isinstance(part, torch.Tensor) for part in value.values()) else []


def small_model(seed: int = 0) -> WorldModel:
    """A world model of random numbers."""
    model, rng = WorldModel(SPEC), torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        tensor.copy_(torch.rand(tensor.shape, generator=rng) + 0.5 * name.endswith("_std"))
    return model.eval()


def _read_model(folder: Path) -> object:
    model = load_model(folder / "model")
    return repr(model.spec), model.state_dict(), repr(read_info(folder / "model"))


def _make_network(folder: Path) -> None:
    torch.manual_seed(0)
    save_initialisation(InitialisationNetwork(6, 10, 5, 8, 1), folder / "network", {"task": "wall", "encoder": "0"})


def _read_network(folder: Path) -> object:
    network, info = load_initialisation(folder / "network")
    return network.sizes, network.state_dict(), info["encoder"]


def _read_data(folder: Path) -> object:
    data = load_or_collect(DATA, progress=False)
    return data.states, data.actions, data.pixels


def _read_latents(folder: Path) -> object:
    spec = DataSpec("wall", "tune", episodes=2)
    latents = encode_dataset(small_model(), load_or_collect(spec, folder / "data", progress=False), progress=False)
    return latents.z, latents.actions


def _read_problems(folder: Path) -> object:
    problems = sample_problems("rope", "dataset", 1)
    return problems.starts, problems.goals, problems.expert


class _Cubic:
    """A method with a replay."""

    def __init__(self) -> None:
        self.seen = torch.zeros(3)

    def loss(self, model, step, schedule, rng):
        x = torch.rand((schedule.batch, 3), generator=rng)
        self.seen = self.seen + x.mean(0)
        return {"loss": ((model(x) - x**3 - self.seen.mean()) ** 2).mean()}

    def state(self):
        return {"seen": self.seen}

    def restore(self, state):
        self.seen = state["seen"]


def _fit(folder: Path, steps: int) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    fit(model, _Cubic(), Schedule(steps, batch=4, checkpoint_every=4), 0, folder / "run", progress=False)
    return model


class _Killed(Exception):
    pass


def _make_state(folder: Path) -> None:
    """What a run of 6 steps that is killed at the 5th leaves."""

    class Killed(_Cubic):
        def loss(self, model, step, schedule, rng):
            if step == 5:
                raise _Killed
            return super().loss(model, step, schedule, rng)

    Killed.__name__ = Killed.__qualname__ = "_Cubic"
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    try:
        fit(model, Killed(), Schedule(6, batch=4, checkpoint_every=4), 0, folder / "run", progress=False)
    except _Killed:
        return


def _make_log(folder: Path) -> None:
    """A log of 9 lines, of which a kill cut the last."""
    log = Log(folder / "run", 0)
    for step in range(9):
        log.append({"step": step, "loss": 1 / (step + 1)})
    path = folder / "run" / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-9])


def _read_log(folder: Path) -> object:
    """All lines but those at the end, which a kill may have kept from being written."""
    if not (lines := read_log(folder / "run")):
        raise LabError("There is no line.")
    return [line == {"step": step, "loss": 1 / (step + 1)} for step, line in enumerate(lines)].count(False)


def _make_rounds(folder: Path) -> None:
    from lab.training.online import _write

    rng = np.random.default_rng(0)
    for number in range(2):
        _write(folder / "rounds" / f"{number}.safetensors", rng.normal(size=(2, 3, 2)), torch.rand(2, 1, 4))


def _make_result(folder: Path) -> None:
    meta = {"config": {"task": "wall", "preset": "smoke"}, "seconds": 1.5, "train_seeds": [0]}
    save_result(Result({"rates": TABLE, "other": TABLE.head(1)}, meta), folder / "result")


def _read_result(folder: Path) -> object:
    result = load_result(folder)
    return result.tables, repr(result.meta)


def _make_kept(folder: Path) -> None:
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(4000, 2)), columns=["x", "y"])
    save_result(Result({"rows": rows}, {"config": {"task": "wall", "preset": "smoke"}}), folder / "raw")
    keep_tables(folder / "raw", folder / "kept")


def _read_case(folder: Path) -> object:
    return Cases("fig4_gap", "wall").rows({"model": "base"}, {"n": 1}, small_model(), lambda: TABLE[["rate", "n"]])


def _make_imported(folder: Path) -> None:
    states, actions = make_task("wall").collect(np.random.default_rng(0), 2, 5)
    trajectories = [Trajectory(*parts) for parts in zip(states, actions, strict=True)]
    save_imported("wall", "mine", trajectories, "a test", 16, steps=5, progress=False)


def _read_imported(folder: Path) -> object:
    data = load_imported("wall", "mine")
    return data.states, data.actions, data.pixels, data.fingerprint


def _make_entry(folder: Path) -> None:
    track = Track("wall", "random")
    marks = {"full": {who: ["10" * 150] for who in ("models", "base", *FLOORS)}}
    about = {"format": FORMAT, "name": "a test", **asdict(track), "problems": described("wall", "random")}
    about |= {"settings": plain(track.plans()), "models": [{}], "train_seeds": 1}
    save_entry(about | numbers(marks) | {"by_problem": marks}, folder / "entry.json")


def _make_custom(folder: Path) -> None:
    run = CustomRun("wall", "adversarial", 1, "smoke", steps=3, lr=0.002, radius=0.25)
    write_json(run.folder / SETTINGS, asdict(run))


def _read_custom(folder: Path) -> object:
    if not (runs := custom_runs("wall")):
        raise LabError("The run is not listed.")
    return runs


STORES = {
    "model": Store(lambda folder: save_model(small_model(), folder / "model", {"task": "wall"}), _read_model),
    "model in parts": Store(
        lambda folder: save_model(small_model(), folder / "model", {"task": "wall"}, folder / "shared"), _read_model
    ),
    "network": Store(_make_network, _read_network),
    "data set": Store(lambda folder: None, _read_data),
    "latents": Store(lambda folder: None, _read_latents),
    "problems": Store(lambda folder: None, _read_problems),
    "resume state": Store(_make_state, lambda folder: _fit(folder, 6).state_dict()),
    "log": Store(_make_log, _read_log),
    "rounds": Store(_make_rounds, lambda folder: read_rounds(folder / "rounds")),
    "result": Store(_make_result, lambda folder: _read_result(folder / "result")),
    "kept result": Store(_make_kept, lambda folder: _read_result(folder / "kept")),
    "table": Store(lambda folder: save_table(TABLE, folder / "t.csv"), lambda folder: load_table(folder / "t.csv")),
    "case": Store(lambda folder: None, _read_case),
    "imported data": Store(_make_imported, _read_imported),
    "entry": Store(_make_entry, lambda folder: repr(load_entry(folder / "entry.json"))),
    "settings of a run": Store(_make_custom, _read_custom),
}
