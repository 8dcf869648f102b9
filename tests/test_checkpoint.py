"""World models on disk: what is saved comes back bit for bit, and nothing else gets in."""

import hashlib
import json
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lab.benchmarks import recipe_of
from lab.errors import LabError
from lab.files import SHIPPED, model_folder
from lab.models import ModelSpec, WorldModel, load_model, read_info, save_model, weights_hash, whole_file
from lab.tasks import TASKS, make_task
from lab.training import Recipe
from lab.training.loop import Schedule
from lab.training.pipeline import finished

SMALL = ModelSpec("wall", latent_dim=4, proprio_dim=2, hidden=8, layers=1)


def random_model(spec, seed=0):
    """A world model with a random number in every weight and statistic."""
    model = WorldModel(spec)
    rng = torch.Generator().manual_seed(seed)
    for tensor in model.state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=rng))
    return model.eval()


@pytest.fixture
def saved(tmp_path) -> Path:
    save_model(random_model(SMALL), tmp_path / "m", {"task": "wall", "method": "base"})
    return tmp_path / "m"


specs = st.builds(
    ModelSpec,
    task=st.sampled_from(sorted(TASKS)),
    encoder=st.sampled_from(["points", "pyramid"]),
    latent_dim=st.sampled_from([2, 4, 10]),
    proprio_dim=st.integers(1, 5),
    action_dim=st.integers(1, 3),
    frameskip=st.integers(1, 6),
    hidden=st.integers(1, 9),
    layers=st.integers(1, 3),
)


@given(specs, st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_a_saved_model_comes_back_bit_for_bit(tmp_path_factory, spec, seed):
    folder = tmp_path_factory.mktemp("model")
    model = random_model(spec, seed)
    save_model(model, folder, {"task": spec.task})
    loaded = load_model(folder)
    assert loaded.spec == spec and not loaded.training
    assert not any(weight.requires_grad for weight in loaded.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    z = torch.randn(3, spec.latent_dim + spec.proprio_dim)
    blocks = torch.randn(3, 2, spec.action_dim * spec.frameskip)
    assert torch.equal(loaded.rollout(z, blocks), model.rollout(z, blocks))


def test_info_is_kept_beside_the_weights(saved):
    info = read_info(saved)
    assert info["method"] == "base" and info["spec"]["hidden"] == 8
    assert sorted(path.name for path in saved.iterdir()) == ["model.json", "model.safetensors"]


def test_actions_survive_normalisation():
    model = random_model(SMALL)
    model.action_std.abs_().add_(0.1)
    actions = np.random.default_rng(0).normal(size=(3, 10, 2))
    blocks = model.normalise_actions(actions)
    assert blocks.shape == (3, 2, 10)
    np.testing.assert_allclose(model.denormalise_actions(blocks), actions, atol=1e-5)


class _Bomb:
    """Would create the file if it were ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def _edit(**changes):
    def damage(folder):
        info = json.loads((folder / "model.json").read_text())
        spec = info["spec"] | changes.pop("spec", {})
        (folder / "model.json").write_text(json.dumps(info | {"spec": spec} | changes))

    return damage


def _signed(folder):
    """Let model.json name the weights as they are now."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    _edit(files={"model.safetensors": digest})(folder)


def _tensors(change):
    def damage(folder):
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")
        _signed(folder)

    return damage


def _weights(content):
    return lambda folder: (folder / "model.safetensors").write_bytes(content)


def _info(text):
    return lambda folder: (folder / "model.json").write_text(text)


DAMAGES = {
    "no spec": (lambda folder: (folder / "model.json").unlink(), "does not exist"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "is missing"),
    "empty weights": (_weights(b""), "not a readable safetensors file"),
    "noise": (_weights(bytes(range(256)) * 20), "not a readable safetensors file"),
    "truncated": (
        lambda folder: _weights((folder / "model.safetensors").read_bytes()[:-40])(folder),
        "not a readable safetensors file",
    ),
    "other weights": (
        lambda folder: save_file({"w": torch.zeros(2)}, folder / "model.safetensors"),
        "is not the file that its model.json names",
    ),
    "foreign weights": (_tensors(lambda tensors: (tensors.clear(), tensors.update(w=torch.zeros(2)))), "does not fit"),
    "a weight less": (_tensors(lambda tensors: tensors.pop("action_mean")), "1 tensors differ, first action_mean"),
    "a weight more": (_tensors(lambda tensors: tensors.update(x=torch.zeros(1))), "1 tensors differ, first x"),
    "other shape": (_tensors(lambda tensors: tensors.update(action_mean=torch.zeros(3))), "does not fit its spec"),
    "NaN": (_tensors(lambda tensors: tensors["action_mean"].fill_(torch.nan)), "holds NaN .* in action_mean"),
    "infinity": (_tensors(lambda tensors: tensors["action_std"].fill_(torch.inf)), "holds NaN .* in action_std"),
    "no JSON": (_info("{"), "is not valid JSON"),
    "a list": (_info("[]"), "is not a world model of this lab"),
    "other format": (_edit(format="else/1"), "is not a world model of this lab"),
    "no model": (_info('{"format": "wm-lab/1"}'), "does not describe a world model"),
    "spec no object": (_edit(spec={"hidden": "8"}), "does not describe a world model"),
    "unknown field": (_edit(spec={"width": 8}), "does not describe a world model"),
    "unknown encoder": (_edit(spec={"encoder": "vit"}), "does not describe a world model"),
    "negative width": (_edit(spec={"hidden": -1}), "does not describe a world model"),
    "no width": (_edit(spec={"hidden": 0}), "does not describe a world model"),
    "fraction": (_edit(spec={"layers": 1.5}), "does not describe a world model"),
    "other width": (_edit(spec={"hidden": 9}), "does not fit its spec"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_anything_else_is_refused_in_one_sentence(damage, saved):
    break_it, message = DAMAGES[damage]
    break_it(saved)
    with pytest.raises(LabError, match=message) as refusal:
        load_model(saved)
    assert "\n" not in str(refusal.value) and str(saved) in str(refusal.value)


def test_models_share_what_is_frozen(tmp_path):
    first, second = random_model(SMALL), random_model(SMALL)
    second.load_state_dict(
        first.state_dict() | {"predictor." + k: v + 1 for k, v in first.predictor.state_dict().items()}
    )
    for name, model in (("first", first), ("second", second)):
        save_model(model, tmp_path / name, {}, shared=tmp_path / "encoder")
        assert same(load_model(tmp_path / name), model)
    assert len(list((tmp_path / "encoder").iterdir())) == 1
    assert {path.name for path in (tmp_path / "first").iterdir()} == {"model.json", "predictor.safetensors"}


def test_another_encoder_overwrites_none(tmp_path):
    models = {name: random_model(SMALL) for name in ("first", "second")}
    for name, model in models.items():
        model.latent_mean.add_(len(name))
        save_model(model, tmp_path / name, {}, shared=tmp_path / "encoder")
    assert all(same(load_model(tmp_path / name), model) for name, model in models.items())


def test_a_model_is_the_same_however_it_is_stored(tmp_path):
    model = random_model(SMALL)
    save_model(model, tmp_path / "whole", {})
    save_model(model, tmp_path / "parts", {}, shared=tmp_path / "encoder")
    assert whole_file(tmp_path / "parts") == (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert weights_hash(tmp_path / "parts") == weights_hash(tmp_path / "whole")


def test_a_model_of_version_0_1_still_loads(saved):
    info = json.loads((saved / "model.json").read_text())
    del info["files"]
    expected = load_model(saved)
    (saved / "model.json").write_text(json.dumps(info))
    assert same(load_model(saved), expected)


def test_a_model_without_its_shared_part_says_what_is_missing(tmp_path):
    save_model(random_model(SMALL), tmp_path / "m", {}, shared=tmp_path / "encoder")
    (shared,) = (tmp_path / "encoder").iterdir()
    shared.unlink()
    with pytest.raises(LabError, match=rf"{shared} is missing; restore the file"):
        load_model(tmp_path / "m")


def same(ours, theirs):
    """Whether all weights and statistics are equal, bit by bit."""
    ours, theirs = ours.state_dict(), theirs.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_nothing_in_a_pickle_is_executed(writer, saved, tmp_path):
    bomb = _Bomb(str(tmp_path / "executed"))
    path = saved / "model.safetensors"
    torch.save(bomb, path) if writer == "torch" else path.write_bytes(pickle.dumps(bomb))
    with pytest.raises(LabError, match="not a readable safetensors file"):
        load_model(saved)
    assert not (tmp_path / "executed").exists()


def test_a_model_that_is_nowhere_is_told_with_the_command_that_makes_it(empty_cache):
    with pytest.raises(LabError, match="python -m lab train --task wall --method online --seed 7"):
        model_folder("wall", "online", 7)


def test_a_shipped_model_goes_before_one_trained_here(empty_cache, tmp_path):
    for root in ("cache/models", "shipped"):
        save_model(random_model(SMALL), tmp_path / root / "wall" / "base" / "seed0", {})
    assert model_folder("wall", "base") == tmp_path / "shipped" / "wall" / "base" / "seed0"
    assert model_folder("wall", "base", 0).is_dir()


SHIPPED_MODELS = sorted(SHIPPED.rglob("model.json"))


@pytest.mark.parametrize("path", SHIPPED_MODELS, ids=lambda path: path.parent.relative_to(SHIPPED).as_posix())
def test_every_shipped_model_loads_and_fits_its_task(path):
    model, info = load_model(path.parent), read_info(path.parent)
    task = make_task(model.spec.task)
    assert path.parent.relative_to(SHIPPED).parts == (task.name, info["method"], f"seed{info['seed']}")
    assert (model.spec.proprio_dim, model.spec.action_dim) == (task.proprio_dim, task.action_dim)
    states = task.collect(np.random.default_rng(0), 2, 5)[0]
    assert torch.isfinite(model.observe(task.observe(states))).all()
    assert finished(path.parent, recipe_of(task.name), info["method"]), "the recipe is not what made it"


@dataclass(frozen=True)
class _Schedule(Schedule):
    warmup: int = 0


@dataclass(frozen=True)
class _Recipe(Recipe):
    dropout: float = 0.0


@pytest.mark.parametrize("path", SHIPPED_MODELS, ids=lambda path: path.parent.relative_to(SHIPPED).as_posix())
def test_options_added_at_their_defaults_leave_shipped_models_finished(path):
    info, folder = read_info(path.parent), path.parent
    recipe = _Recipe(**vars(recipe_of(info["task"])))
    recipe = replace(recipe, base=_Schedule(**vars(recipe.base)))
    assert finished(folder, recipe, info["method"])
    others = [
        replace(recipe, dropout=0.1),
        replace(recipe, base=replace(recipe.base, warmup=1)),
        replace(recipe, hidden=recipe.hidden + 1),
        replace(recipe, base=replace(recipe.base, lr=2 * recipe.base.lr)),
    ]
    assert not any(finished(folder, other, info["method"]) for other in others)


def test_shipped_models_are_small():
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 20e6
