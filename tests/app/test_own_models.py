"""World models of one's own, trained here, uploaded or of a package, wherever models are chosen."""

import json
import shutil
from dataclasses import replace

import pytest
from harness import address, commands, whole

from lab.errors import LabError
from lab.files import MODELS
from lab.models import registry, whole_file
from lab.models.inspect import read_checkpoint
from lab.plots.palette import LABELS, MODEL_COLOURS, shown_models
from lab.repro.custom_run import CustomRun

RUN = CustomRun("wall", "control", 0, "quick", 12)
OWN = f"own.{RUN.folder.name}"


@pytest.fixture
def own(app, cache, monkeypatch, tmp_path, tiny_recipes):
    """A page in a cache with a trained model, and the same as one of a package."""
    shutil.copytree(cache / "models", tmp_path / "cache" / "models")
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    RUN.train(progress=False)
    monkeypatch.setattr(registry.FOLDERS, "registered", {})
    registry.register("ours", RUN.folder)
    registry.register("gone", tmp_path / "gone")
    return app


@pytest.mark.parametrize("page", ["plan", "landscape", "gap", "anatomy", "fool"])
def test_every_page_takes_it(own, page):
    test = own(page, model=OWN, beside=f"base,{OWN}", rivals=f"cem-{OWN},gd-plugin.ours")
    assert whole(test)
    assert page == "fool" or (address(test)["model"] == OWN and LABELS[OWN] in str(test.main))
    if page == "plan":
        assert len(json.loads(test.get("bidi_component")[0].proto.json)["lanes"]) == 3
        assert (
            commands(test)[0].splitlines()[0].startswith(f"python -m lab plan --task wall --checkpoint {RUN.folder} ")
        )


def test_a_file_is_the_visitors_alone(own, monkeypatch):
    test = own("train", part="inspect")
    import models
    import state

    file = whole_file(RUN.folder)
    test.file_uploader[0].upload("a *mine*.safetensors", file, "application/octet-stream").run()
    next(button for button in test.button if button.label.startswith("Plan with it")).click().run()
    assert whole(test) and test.session_state["model"].startswith("file.")
    kept = models._store().kept
    (name,) = kept
    assert LABELS[name] == "My file a mine" and len({MODEL_COLOURS[each] for each in (*MODELS, OWN, name)}) == 6
    who = kept[name].owner
    monkeypatch.setattr(models, "visitor", lambda: who)
    told = []
    assert models.names("wall", told.append) == (*MODELS, OWN, name, "plugin.ours") and len(told) == 1
    assert models.names("push_t") == MODELS
    who = "another"
    assert name not in models.names("wall")
    with pytest.raises(LabError, match="not those of Granular"):
        models.keep(read_checkpoint(file), "x", "granular")
    for i in range(models.EACH + 1):  # as if they were other files
        models.keep(replace(read_checkpoint(file), digest=str(i)), str(i), "wall")
    assert len(kept) == len(list(kept[name].folder.parent.iterdir())) == 1 + models.EACH
    monkeypatch.setattr(models, "ALL", len(kept))
    who = "a third"
    with pytest.raises(LabError, match="all that it takes"):
        models.keep(read_checkpoint(file), "x", "wall")
    del kept[name]
    with pytest.raises(LabError, match="upload it again"):
        models.folder_of("wall", name)
    assert state.options("model") and shown_models([OWN, "online", "base"]) == ["base", "online", OWN]


def test_names_of_packages_are_plain():
    with pytest.raises(LabError, match="small letters"):
        registry.register("My model", "x")
