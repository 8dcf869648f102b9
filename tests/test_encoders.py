"""Encoders, found by their kinds: each keeps what it was fitted with, and others bring their own in one file."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lab.benchmarks import card_of
from lab.data import sample_problems
from lab.errors import LabError
from lab.evaluation.success import evaluate
from lab.models import ModelSpec, PatchSpec, WorldModel, load_model, read_info, save_model, whole_file
from lab.models.encoders import ENCODERS, Frames, VectorEncoder, encoder_class, fitting, minimise, register
from lab.models.inspect import read_checkpoint
from lab.planning import GradientPlanner
from lab.studies.common.fingerprint import reachable
from lab.training import train

EXAMPLE = Path(__file__).parent / "plugin" / "tiles.py"
VECTORS = [kind for kind in ENCODERS.built_in if issubclass(ENCODERS[kind], VectorEncoder)]


@pytest.mark.parametrize("kind", VECTORS)
def test_each_keeps_what_it_was_fitted_with(kind, tmp_path):
    model = WorldModel(ModelSpec("wall", kind, latent_dim=4, hidden=8, layers=1, proprio_dim=2))
    pictures = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), dtype=np.uint8)
    before = model.encoder(torch.from_numpy(pictures))
    model.encoder.fit(Frames(pictures, seed=0), steps=2, progress=False)
    latents = model.encoder(torch.from_numpy(pictures))
    assert latents.shape == (12, 4) and not torch.equal(latents, before)
    save_model(model, tmp_path, {})
    torch.testing.assert_close(load_model(tmp_path).encoder(torch.from_numpy(pictures)), latents)


@pytest.mark.parametrize("kind", ["pyramid", "pixels", "random"])
def test_projections_are_centred_on_the_data(kind):
    pictures = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), dtype=np.uint8)
    frames, encoder = Frames(pictures, seed=0), encoder_class(kind, VectorEncoder)(4)
    encoder.fit(frames, steps=0)
    latents = encoder(Frames(pictures, seed=0).sample(encoder.most_frames))  # the pictures it was fitted to
    torch.testing.assert_close(latents.mean(0), torch.zeros(4), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("stop", "calls"),
    [pytest.param(4, 4 + 2 + 4, id="encoder"), pytest.param(7, 7 + 2, id="decoder", marks=pytest.mark.slow)],
)
def test_a_stopped_fit_goes_on_and_ends_the_same(stop, calls, tiny_recipe, empty_cache, monkeypatch):
    """The loss is computed 4 times for the encoder, then 4 times for the decoder; checkpoints come after 2 and 4."""
    recipe = replace(tiny_recipe("push_t"), encoder_steps=4, decoder_steps=4)
    expected = load_model(train("push_t", "base", 0, recipe, empty_cache / "whole", progress=False))
    monkeypatch.setattr(fitting, "EVERY", 2)
    original, seen = Frames.error, []

    def error(frames, drawn, images):
        seen.append(None)
        if len(seen) == stop:
            raise KeyboardInterrupt
        return original(frames, drawn, images)

    monkeypatch.setattr(Frames, "error", error)
    with pytest.raises(KeyboardInterrupt):
        train("push_t", "base", 0, recipe, empty_cache / "stopped", progress=False)
    folder = train("push_t", "base", 0, recipe, empty_cache / "stopped", progress=False)
    assert len(seen) == calls and not list(empty_cache.rglob("run/*/*.safetensors"))
    assert all(torch.equal(mine, expected.state_dict()[name]) for name, mine in load_model(folder).state_dict().items())


def test_a_fit_that_cannot_go_on_says_so(tmp_path):
    frames = Frames(np.zeros((4, 64, 64, 3), np.uint8), 0, tmp_path)
    weight = torch.nn.Parameter(torch.ones(1))
    with pytest.raises(LabError, match="The loss of a line is inf at step 0 of 3: change the encoder"):
        minimise(frames, lambda: weight.sum() / 0, [weight], 3, 0.1, "a line", False)
    minimise(frames, lambda: weight.square().sum(), [weight], 3, 0.1, "a line", False)
    whole = (tmp_path / "a-line.safetensors").read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"no checkpoint"):
        (tmp_path / "a-line.safetensors").write_bytes(broken)
        with pytest.raises(LabError, match=r"cannot be resumed from .*; delete it to start over"):
            minimise(frames, lambda: weight.square().sum(), [weight], 3, 0.1, "a line", False)


@pytest.fixture(params=["registered", "offered"])
def tiles(request, monkeypatch, tmp_path) -> type[VectorEncoder]:
    """The class of the example, known for one test: by ``register``, or by the entry point of a package."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tiles", raising=False)
    monkeypatch.setattr(ENCODERS, "registered", {})
    monkeypatch.delitem(vars(ENCODERS), "_offered", raising=False)
    shutil.copy(EXAMPLE, tmp_path)
    if request.param == "offered":
        about = tmp_path / "tiles-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiles\nVersion: 1.0\n", "utf-8")
        (about / "entry_points.txt").write_text("[wm_lab.encoders]\ntiles = tiles:Tiles\n", "utf-8")
        yield ENCODERS["tiles"]
    else:
        from tiles import Tiles

        register(Tiles)
        yield Tiles
    vars(ENCODERS).pop("_offered", None)


def test_one_from_outside_is_trained_and_planned_with(tiles, tmp_path):
    recipe = replace(card_of("wall").recipe("smoke", "small"), encoder="tiles", episodes=8, latent_dim=48)
    folder = train("wall", "base", 0, recipe, tmp_path, progress=False)
    model = load_model(folder)
    assert type(model.encoder) is tiles and model.encoder.usual.abs().max() > 0
    assert read_info(folder)["recipe"]["encoder"] == "tiles"
    outcome = evaluate(model, GradientPlanner("adam", iterations=3), sample_problems("wall", "dataset", 2))
    assert np.isfinite(outcome.states).all() and len(outcome.success["full"]) == 2
    assert read_checkpoint(whole_file(folder)).spec.encoder == "tiles"


def test_one_that_sees_nothing_is_answered_in_a_sentence(tiles, monkeypatch, tmp_path):
    monkeypatch.setattr(tiles, "forward", lambda encoder, images: torch.ones(len(images), encoder.latent_dim))
    recipe = replace(card_of("wall").recipe("smoke", "small"), encoder="tiles", episodes=8, latent_dim=48)
    with pytest.raises(LabError, match="The encoder 'tiles' must tell pictures apart, but gives all the same latents"):
        train("wall", "base", 0, recipe, tmp_path, progress=False)


def test_kinds_are_guarded(tiles, monkeypatch):
    with pytest.raises(LabError, match="There is an encoder 'points' already"):
        register(type("Mine", (tiles,), {"kind": "points"}))
    with pytest.raises(LabError, match=r"Unknown encoder 'vit': choose one of points, pyramid, curved, dino, .*tiles"):
        ModelSpec("wall", "vit")
    monkeypatch.setitem(ENCODERS.registered, "mine", torch.nn.Linear)
    with pytest.raises(LabError, match="The encoder called 'mine' must be a VectorEncoder of that kind"):
        ModelSpec("wall", "mine")


def test_vectors_and_patches_are_not_mixed():
    with pytest.raises(LabError, match="'dino' must be a VectorEncoder"):
        ModelSpec("wall", "dino")
    with pytest.raises(LabError, match="'points' must be a PatchEncoder"):
        PatchSpec("wall", "points")


def test_results_depend_on_the_encoders_code():
    files = {f"lab/models/encoders/{kind}.py" for kind in ENCODERS.built_in}
    assert files <= reachable("from lab.models import load_model")
    assert not files & reachable("from lab.models.encoders import SIZE")
