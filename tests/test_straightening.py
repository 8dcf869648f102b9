"""Temporal straightening: the curvature by hand, the fit that lowers it, and the study of what it changes."""

import math

import numpy as np
import pytest
import torch
from cells import run_cells

from lab.models.encoders import Frames, encoder_class
from lab.models.encoders.encoder import VectorEncoder
from lab.models.encoders.straight import curvature
from lab.results import load_result, save_result
from lab.studies.common.config import Config
from lab.studies.straightening import figures as plots
from lab.studies.straightening import study as straightening


@pytest.mark.parametrize("angle", [0, 60, 90, 180])
def test_the_curvature_is_one_minus_the_cosine_of_the_turn(angle):
    turn = math.radians(angle)
    walk = torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.0 + math.cos(turn), math.sin(turn)]])
    assert curvature(walk).item() == pytest.approx(1 - math.cos(turn), abs=1e-6)


def turning(n: int = 10, length: int = 15) -> np.ndarray:
    """Episodes (n x length, 64, 64, 3) of a bright square that goes right, then down."""
    pictures = np.zeros((n, length, 64, 64, 3), np.uint8)
    for i, j in np.ndindex(n, length):
        x, y = 3 * min(j, 7), 3 * max(j - 7, 0)
        pictures[i, j, y + i : y + i + 6, x + i : x + i + 6] = 250
    return pictures.reshape(-1, 64, 64, 3)


def test_walks_stay_in_their_episode_and_are_a_models_step_apart():
    numbers = np.arange(60, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    walks = Frames(numbers, 0, length=12, stride=5).walks(200)[:, :, 0, 0, 0].long()
    assert (walks.diff(dim=1) == 5).all() and (walks[:, 0] // 12 == walks[:, 2] // 12).all()


def test_the_term_straightens_what_the_same_encoder_without_it_leaves_curved():
    pictures, found = turning(), {}
    for kind in straightening.ENCODERS:
        torch.manual_seed(0)
        encoder = encoder_class(kind, VectorEncoder)(8)
        encoder.fit(Frames(pictures, 0, length=15, stride=2), steps=30, progress=False)
        walks = Frames(pictures, 1, length=15, stride=2).walks(100)
        with torch.no_grad():
            latents = encoder(walks.flatten(0, 1)).unflatten(0, (100, 3))
        found[kind] = curvature(latents).mean()
    assert found["straight"] < 0.8 * found["curved"]


@pytest.fixture(scope="module")
def result():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(straightening, "MODELS", ("base", "control", "adversarial"))
        patch.setattr(straightening, "MODES", ("open",))
        return straightening.run(Config("wall", "smoke"))


def test_every_model_and_the_geometry_are_compared(result, tmp_path):
    found = result.tables
    assert set(found["straightened"].method) == {"base", "control", "adversarial"}
    assert set(found["methods"].ours) == {"adversarial"} and set(found["methods"].encoder) == {"curved", "straight"}
    assert set(found["geometry"].measure) == {"curvature", "roughness", "basin", "distance"}
    assert found["geometry"].query("measure == 'curvature'")["mean"].between(0, 2).all()
    pairs = found["pairs"].set_index(["encoder", "goals", "planner", "model", "pair"]).sort_index().success
    row = found["straightened"].query("planner == 'adam' and method == 'control' and goals == 'random'").iloc[0]
    ours, theirs = (pairs[encoder, "random", "adam", "control"].mean() for encoder in ("straight", "curved"))
    assert row.difference == pytest.approx(ours - theirs)
    assert "straight minus curved" in straightening.in_short(result)
    save_result(result, tmp_path)
    stored = load_result(tmp_path)
    plots.print_figure(stored).canvas.draw()
    assert {trace.name for trace in plots.interactive(stored).data} == {"Base", "Control", "Adversarial"}
    assert straightening.sentences(stored).count("\n") == 4 + 2 * 3 * 2 - 1


def test_the_notebooks_cells_run(result, tmp_path):
    run_cells("straightening", result, tmp_path)
