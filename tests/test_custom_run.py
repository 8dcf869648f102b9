"""Custom runs: trainings with settings that the user chose."""

import json
from dataclasses import asdict

import pytest

from lab.benchmarks import recipe_of
from lab.errors import LabError
from lab.files import models_root
from lab.models import load_model, read_info
from lab.repro.custom_run import CustomRun, custom_runs, training_log
from lab.training.log import Log


@pytest.fixture
def small(empty_cache, tiny_recipes):
    """An empty cache, and recipes that take a second."""
    return empty_cache


def test_settings_change_the_recipe_and_nothing_else():
    recipe, plain = CustomRun("wall", "adversarial", steps=7, radius=0.5).recipe, recipe_of("wall")
    assert recipe.finetune.steps == 7 and recipe.finetune.lr == plain.finetune.lr and recipe.base == plain.base
    assert (recipe.radii.latent, recipe.radii.proprio, recipe.radii.action) == (0.5, 0.5, 0.5)
    assert CustomRun("wall", "base", steps=7, lr=0.1).recipe.base.lr == 0.1
    assert CustomRun("wall", "online", rounds=3).recipe.online.rounds == 3
    assert CustomRun("wall", "control").recipe.radii == plain.radii


def test_the_folder_and_the_command_say_what_is_set():
    run = CustomRun("wall", "adversarial", steps=500, radius=0.5, seed=3)
    assert run.folder.parts[-3:] == ("own", "wall", "adversarial-steps500-radius0.5-seed3")
    line = "lab train --task wall --method adversarial --steps 500 --radius 0.5 --seed 3"
    assert run.command == tuple(line.split()) and run.total == 500
    assert CustomRun("wall", "control", steps=5, preset="smoke").command[-2:] == ("--preset", "smoke")


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "gan"}, {"method": "base", "radius": 0.1}, {"method": "control", "rounds": 2},
        {"method": "online", "rounds": 0}, {"method": "base", "steps": 0}, {"method": "adversarial", "radius": -1.0},
        {"method": "base", "lr": 0.0}, {"method": "base", "preset": "huge"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(settings):
    with pytest.raises(LabError):
        CustomRun("wall", **settings)


@pytest.mark.parametrize("settings", [{"method": "base", "steps": 6}, {"method": "adversarial", "radius": 0.1}])
def test_train(small, settings):
    run = CustomRun("wall", **settings)
    assert not run.trained and not run.resumable and custom_runs("wall") == []
    folder = run.train(progress=False)
    assert run.trained and custom_runs("wall") == [run]
    model, base = load_model(folder), load_model(models_root() / "wall" / "base" / "seed0")
    assert model.encoder.components.equal(base.encoder.components)
    log = training_log(folder)
    assert log.step.iloc[-1] == run.total - 1
    assert read_info(folder)["recipe"]["radii" if "radius" in settings else "base"] == json.loads(
        json.dumps(asdict(run.recipe)["radii" if "radius" in settings else "base"])
    )
    first = (folder / "model.safetensors").read_bytes()
    assert run.train(progress=False) == folder and (folder / "model.safetensors").read_bytes() == first


@pytest.mark.parametrize("method", ["base", "control"])
def test_a_run_that_is_refused_is_none(small, method):
    run = CustomRun("wall", method, steps=2, data="nope")
    with pytest.raises(LabError, match="bring it in"):
        run.train(progress=False)
    assert custom_runs("wall") == [] and not run.folder.exists()


def test_a_custom_base_model_starts_from_a_fresh_predictor(small):
    one, other = CustomRun("wall", "base", steps=1, lr=1e-9), CustomRun("wall", "base", steps=1, lr=1e-9, seed=1)
    models = [load_model(run.train(progress=False)) for run in (one, other)]
    assert not models[0].predictor.body[0].weight.equal(models[1].predictor.body[0].weight)


def test_a_stopped_run_goes_on(small, monkeypatch):
    monkeypatch.setattr("lab.repro.custom_run.CHECKPOINT_EVERY", 2)
    whole = CustomRun("wall", "control", steps=6).train(progress=False)
    expected = (whole / "model.safetensors").read_bytes()
    (whole / "model.json").unlink()
    run = CustomRun("wall", "control", steps=6)
    calls, append = [], Log.append

    def stop(log, line):
        append(log, line)
        calls.append(line)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Log, "append", stop)
        with pytest.raises(KeyboardInterrupt):
            run.train(progress=False)
    assert run.resumable and not run.trained
    assert (run.train(progress=False) / "model.safetensors").read_bytes() == expected
    assert run.trained and not run.resumable


def test_a_log_in_the_writing(tmp_path):
    assert training_log(tmp_path).empty
    line = '{"step": 0, "loss": 0.5, "latent": 0.4, "proprio": 0.1}\n'
    (tmp_path / "metrics.jsonl").write_text(line + '{"step": 50, "lo', "utf-8")
    assert training_log(tmp_path).to_dict("records") == [{"step": 0, "loss": 0.5, "latent": 0.4, "proprio": 0.1}]


def test_what_is_no_custom_run_is_passed_over(small):
    run = CustomRun("wall", "control", steps=3)
    run.train(progress=False)
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"task": "wall", "method": "gan"}'), ("d", '{"more": 1}')):
        path = run.folder.parent / name / "own.json"
        path.parent.mkdir()
        path.write_text(text, "utf-8")
    assert custom_runs("wall") == [run] and custom_runs("push_t") == []
