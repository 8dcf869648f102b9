"""World models on disk: what is saved comes back bit for bit, and nothing else gets in."""

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

from lab import cli, files
from lab.benchmarks import recipe_of
from lab.checksums import file_hash, write_manifest
from lab.errors import LabError
from lab.files import SHIPPED, model_folder
from lab.models import ModelSpec, WorldModel, load_model, read_info, save_model, weights_hash, whole_file
from lab.repro.custom_run import CustomRun
from lab.tasks import TASKS, make_task
from lab.training import Recipe
from lab.training.loop import Schedule
from lab.training.pipeline import finished

SMALL = ModelSpec("wall", latent_dim=4, proprio_dim=2, hidden=8, layers=1)


def random_model(spec, seed=0):
    """A world model with a random number in every weight and statistic; standard deviations are positive."""
    model = WorldModel(spec)
    rng = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        numbers = torch.randn(tensor.shape, generator=rng)
        tensor.copy_(numbers.abs() + 0.1 if name.endswith("_std") else numbers)
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
    """Other contents of model.json, whose own SHA-256 fits them."""

    def damage(folder):
        info = json.loads((folder / "model.json").read_text("utf-8"))
        del info["sha256"]
        spec = changes.get("spec", {})
        spec = info["spec"] | spec if isinstance(spec, dict) else spec
        write_manifest(folder / "model.json", info | changes | {"spec": spec})

    return damage


def _signed(folder):
    """Let model.json name the weights as they are now."""
    _edit(files={"model.safetensors": file_hash(folder / "model.safetensors")})(folder)


def _tensors(change):
    def damage(folder):
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")
        _signed(folder)

    return damage


def _weights(content):
    def damage(folder):
        (folder / "model.safetensors").write_bytes(content)
        _signed(folder)

    return damage


def _info(text):
    return lambda folder: (folder / "model.json").write_text(text, "utf-8")


def _replaced(old, new):
    """Other text in model.json, whose SHA-256 does not fit it."""

    def damage(folder):
        text = (folder / "model.json").read_text("utf-8")
        assert old in text
        (folder / "model.json").write_text(text.replace(old, new, 1), "utf-8")

    return damage


def _damaged_weights(folder, name="model.safetensors"):
    path = folder / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "no spec": (lambda folder: (folder / "model.json").unlink(), "does not exist"),
    "no weights": (
        lambda folder: (folder / "model.safetensors").unlink(),
        "does not exist: restore it, or train the model again",
    ),
    "empty weights": (_weights(b""), "not a readable safetensors file"),
    "noise": (_weights(bytes(range(256)) * 20), "not a readable safetensors file"),
    "truncated": (
        lambda folder: _weights((folder / "model.safetensors").read_bytes()[:-40])(folder),
        "not a readable safetensors file",
    ),
    "one bit": (
        _damaged_weights,
        r"model.safetensors has been changed since it was written .* or train the model again",
    ),
    "foreign weights": (_tensors(lambda tensors: (tensors.clear(), tensors.update(w=torch.zeros(20_000)))), "not fit"),
    "a weight less": (_tensors(lambda tensors: tensors.pop("action_mean")), "1 tensors differ, first action_mean"),
    "a weight more": (_tensors(lambda tensors: tensors.update(x=torch.zeros(1))), "1 tensors differ, first x"),
    "other shape": (
        _tensors(lambda tensors: tensors.update(action_mean=torch.zeros(3))),
        "1 tensors differ, first act",
    ),
    "whole numbers": (_tensors(lambda tensors: tensors.update(action_mean=torch.ones(2).int())), "1 tensors differ"),
    "truth values": (_tensors(lambda tensors: tensors.update(action_mean=torch.ones(2).bool())), "1 tensors differ"),
    "NaN": (_tensors(lambda tensors: tensors["action_mean"].fill_(torch.nan)), "holds NaN .* in action_mean"),
    "infinity": (_tensors(lambda tensors: tensors["action_std"].fill_(torch.inf)), "holds NaN .* in action_std"),
    "no spread": (
        _tensors(lambda tensors: tensors["latent_std"].fill_(0)),
        "standard deviation in latent_std that is not",
    ),
    "negative spread": (
        _tensors(lambda tensors: tensors["proprio_std"].neg_()),
        "deviation in proprio_std that is not",
    ),
    "no JSON": (_info("{"), "is not valid JSON"),
    "a list": (_info("[]"), "should be a JSON object"),
    "nested": (_info("[" * 100_000), "nested too deep"),
    "a long number": (_info('{"spec": ' + "9" * 5000 + "}"), "is not valid JSON"),
    "other JSON": (_replaced('"base"', '"online"'), "has been changed since it was written"),
    "other task": (_replaced('"wall"', '"push_t"'), "has been changed since it was written"),
    "other own hash": (_replaced('"sha256": "', '"sha256": "0'), "has been changed since it was written"),
    "two tasks": (_edit(task="push_t"), "is of two tasks, wall and push_t"),
    "no files": (_edit(files={}), "names no files with their SHA-256"),
    "files of numbers": (_edit(files={"model.safetensors": 1}), "names no files with their SHA-256"),
    "files no object": (_edit(files=1.5), "names no files with their SHA-256"),
    "other format": (_edit(format="else/1"), "is not of this lab .its format should be wm-lab/1"),
    "spec no object": (_edit(spec=[1]), "does not describe a world model"),
    "a width in words": (_edit(spec={"hidden": "8"}), "does not describe a world model"),
    "unknown field": (_edit(spec={"width": 8}), "does not describe a world model"),
    "unknown encoder": (_edit(spec={"encoder": "vit"}), "does not describe a world model"),
    "encoder no name": (_edit(spec={"encoder": ["points"]}), "does not describe a world model"),
    "negative width": (_edit(spec={"hidden": -1}), "does not describe a world model"),
    "no width": (_edit(spec={"hidden": 0}), "does not describe a world model"),
    "fraction": (_edit(spec={"layers": 1.5}), "does not describe a world model"),
    "truth value": (_edit(spec={"layers": True}), "does not describe a world model"),
    "other width": (_edit(spec={"hidden": 9}), "does not fit its spec: .* differ"),
    "a billion layers": (_edit(spec={"layers": 10**9}), "sizes up to 1000000000 are more than the file holds"),
    "a huge width": (_edit(spec={"hidden": 10**30}), "sizes up to 10+ are more than the file holds"),
    "too much memory": (_edit(spec={"hidden": 12_000, "latent_dim": 12_000}), "does not fit its spec: .* differ"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_anything_else_is_refused_in_one_sentence(damage, saved):
    break_it, message = DAMAGES[damage]
    break_it(saved)
    with pytest.raises(LabError, match=message) as refusal:
        load_model(saved)
    assert "\n" not in str(refusal.value) and str(saved) in str(refusal.value)


BROKEN = [DAMAGES[name][0] for name in ("no weights", "noise", "other shape", "NaN", "no spread", "spec no object")]
PLACES = {
    "models/wall/base/seed0": "--task wall --method base --seed 0",
    "models/rope/online/seed12": "--task rope --method online --seed 12",
    "models/wall/encoder/seed1": "--task wall --method base --seed 1",
    "models-dino/wall/base/seed0": "--task wall --method base --seed 0 --family dino",
    "models-smoke/wall/adversarial/seed0": "--task wall --method adversarial --seed 0 --preset smoke",
    "models-smoke-dino/wall/control/seed0": "--task wall --method control --seed 0 --preset smoke --family dino",
    "own/wall/adversarial-steps3-lr1e-05-radius0.25-seed1-presetsmoke": (
        "--task wall --method adversarial --steps 3 --lr 1e-05 --radius 0.25 --seed 1 --preset smoke"
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_broken_model_of_the_cache_is_told_with_the_command_that_makes_it(place, empty_cache):
    folder, words = empty_cache / place, PLACES[place]
    for break_it in (_damaged_weights, lambda folder: _damaged_weights(folder, "model.json"), *BROKEN):
        save_model(random_model(SMALL), folder, {})
        break_it(folder)
        with pytest.raises(LabError) as refusal:
            load_model(folder)
        assert str(refusal.value).endswith(f" To make it again, delete {folder} and run 'python -m lab train {words}'.")
    parsed = cli.build_parser().parse_args(["train", *words.split()])
    settings = {name: getattr(parsed, name) for name in ("steps", "lr", "radius", "rounds")}
    named, family = (parsed.task, parsed.method, parsed.seed, parsed.preset), parsed.family or "small"
    if any(settings.values()):
        assert CustomRun(*named, family=family, **settings).folder == folder
    elif "encoder" not in place:
        assert model_folder(*named, family) == folder


def test_a_broken_model_that_is_shipped_is_told_with_how_to_restore_it(empty_cache):
    folder = files.SHIPPED / "wall" / "base" / "seed0"
    save_model(random_model(SMALL), folder, {})
    _damaged_weights(folder)
    with pytest.raises(LabError, match=r"It is part of the lab: 'git checkout -- .*wall/base/seed0' restores it\.$"):
        load_model(folder)


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


def _older(folder, *missing):
    """Without entries that older models do not have."""
    info = json.loads((folder / "model.json").read_text("utf-8"))
    (folder / "model.json").write_text(json.dumps({name: info[name] for name in info if name not in missing}), "utf-8")


def test_an_older_model_loads_with_a_warning_if_it_names_the_hash_of_its_weights(saved):
    expected = load_model(saved)
    _older(saved, "sha256")
    with pytest.warns(UserWarning, match=rf"names no SHA-256 of its own. .*verify --sign {saved}"):
        assert same(load_model(saved), expected)


@pytest.mark.filterwarnings("ignore:.*names no SHA-256 of its own")
def test_a_model_of_version_0_1_cannot_be_verified(saved):
    _older(saved, "sha256", "files")
    with pytest.raises(LabError, match=rf"cannot be verified. .*verify --sign {saved}"):
        load_model(saved)


def test_a_model_without_its_shared_part_says_what_is_missing(tmp_path):
    save_model(random_model(SMALL), tmp_path / "m", {}, shared=tmp_path / "encoder")
    (shared,) = (tmp_path / "encoder").iterdir()
    shared.unlink()
    with pytest.raises(LabError, match=rf"{shared} does not exist: restore it, or train"):
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
    _signed(saved)
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
