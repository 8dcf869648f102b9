"""What the tests share: one thread, a cache of their own, and world models trained in a second or two."""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import warm_kernel
from filelock import FileLock
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from lab.benchmarks import CARDS, Card, card_of
from lab.machine import MACHINE
from lab.models import WorldModel, load_model
from lab.studies.common.config import Config
from lab.tasks.pushing import Pushing
from lab.training import Recipe, train
from lab.training.loop import Schedule

settings.register_profile("lab", deadline=None)  # no test is about time: a first call loads libraries
settings.load_profile("lab")

TASKS = ("push_t", "point_maze", "wall")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the commands that tests run compile the lab but once
sys.dont_write_bytecode = False


class _AppOnOneWorker(LoadFileScheduling):
    """Each file goes to one worker, all of the app's to the same: what its server computes and a browser compiles."""

    def _split_scope(self, nodeid: str) -> str:
        return "app" if "/app/" in nodeid else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return _AppOnOneWorker(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Tests neither read nor write the user's data sets and models."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        for name in ("LAB_RECIPE", "LAB_DINO", "LAB_PROCESSES"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def own_machine(monkeypatch):
    """What a test or a command that it runs sets is not set for the next."""
    for name, value in vars(MACHINE).items():
        monkeypatch.setattr(MACHINE, name, value)


@pytest.fixture(scope="session", autouse=True)
def few_pushes():
    """Episodes of Rope and Granular just long enough for a problem: a push takes milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pushing, "episode_steps", 6)
        patch.setattr(Pushing, "chunk", 3)
        yield


@pytest.fixture(scope="session")
def warm_kernels() -> Iterator[str]:
    """``JUPYTER_PATH`` for kernels that start at once."""
    with warm_kernel.nursery() as path:
        yield path


@pytest.fixture
def kernels_at_once(warm_kernels, monkeypatch) -> None:
    """Notebooks of this test run in such kernels."""
    monkeypatch.setenv("JUPYTER_PATH", warm_kernels)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> Path:
    """A cache of one test alone, and nothing shipped."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lab.files.SHIPPED", tmp_path / "shipped")
    return tmp_path / "cache"


def tiny(task: str) -> Recipe:
    """The smoke recipe, smaller still: the same data and encoder for every test that uses it."""
    recipe = card_of(task).small.shrunk()
    return replace(
        recipe,
        latent_dim=16,
        hidden=16,
        episodes=8,
        encoder_steps=2,
        decoder_steps=2,
        base=Schedule(steps=12, batch=16, checkpoint_every=5, average=0.9, bfloat16=True),
        finetune=Schedule(steps=12, lr=7e-4, batch=16, checkpoint_every=5, average=0.9, bfloat16=True),
        online=replace(recipe.online, rounds=3, segments=4, capacity=30),
    )


@pytest.fixture
def change_card(monkeypatch) -> Callable[..., None]:
    """``change_card(task, settings=…)``: the task's card with something else on it, for one test."""

    def change(task: str, **changes) -> None:
        monkeypatch.setitem(CARDS.registered, task, replace(card_of(task), **changes))

    return change


@pytest.fixture
def tiny_recipes(monkeypatch) -> None:
    """All that is trained in a test takes a second."""
    monkeypatch.setattr(Card, "recipe", lambda card, preset, family: tiny(card.task.name))


@pytest.fixture(scope="session")
def tiny_recipe() -> Callable[[str], Recipe]:
    return tiny


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Callable[..., Path]:
    """``trained(task, method)``: the folder of a tiny world model, trained once for all workers."""

    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained"

    def folder(task: str, method: str = "base", seed: int = 0) -> Path:
        with pytest.MonkeyPatch.context() as patch, FileLock(f"{root}-{task}.lock"):
            patch.setenv("LAB_CACHE", str(root))
            return train(task, method, seed, tiny(task), root / "tiny", progress=False)

    return folder


@pytest.fixture(scope="session")
def stand_ins(trained) -> Callable[[str], Callable[[Config, str, int], WorldModel]]:
    """``stand_ins(other)`` in place of `Config.model`: one tiny model as all, with weights negated as ``other``."""

    def of(other: str) -> Callable[[Config, str, int], WorldModel]:
        def model(config: Config, name: str, seed: int) -> WorldModel:
            loaded = load_model(trained(config.task, "base"))
            for weight in loaded.predictor.parameters():
                weight.data *= -1 if name == other else 1
            return loaded

        return model

    return of


@pytest.fixture(scope="session")
def tiny_model(trained) -> Callable[..., WorldModel]:
    """``tiny_model(task, method)``: the world model in that folder."""
    return lambda task, method="base": load_model(trained(task, method))
