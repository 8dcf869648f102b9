"""World models of one's own, trained here, uploaded or of a package, wherever models are chosen."""

import base64
import json
import shutil
from dataclasses import replace

import pytest
from harness import address, commands, whole

from lab.cli import main
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
    shutil.copytree(RUN.folder, tmp_path / "torn")
    (tmp_path / "torn" / "model.safetensors").write_bytes(b"torn")
    registry.register("torn", tmp_path / "torn")
    registry.FOLDERS.registered |= {"My model": RUN.folder, "number": 3}  # as entry points may be
    return app


@pytest.mark.parametrize("page", ["plan", "landscape", "gap", "anatomy"])
def test_every_page_takes_it(own, page):
    test = own(page, model=OWN, beside=f"base,{OWN}", rivals=f"cem-{OWN},gd-plugin.ours")
    assert whole(test) and address(test)["model"] == OWN and LABELS[OWN] in str(test.main)
    assert any("on this server alone" in caption.value for caption in test.caption)
    assert len(test.info) == len({info.value for info in test.info}) >= 3  # of packages, each told once
    if page == "plan":
        assert len(json.loads(test.get("bidi_component")[0].proto.json)["lanes"]) == 3
        words = [line.split("--checkpoint ")[1].split(" --")[0] for line in commands(test)[0].splitlines()]
        assert words == [f'"$LAB_CACHE"/own/wall/{RUN.folder.name}'] * 2 + ["ours"]


def test_efficiency_takes_it(own):
    test = own("efficiency", models=f"base,{OWN}")
    assert whole(test) and test.pills(key="models").value == ["base", OWN]


@pytest.mark.parametrize("page", ["fool", "dream"])
def test_pages_in_the_browser_take_it(own, page):
    """And leave out what cannot be loaded."""
    assert whole(own(page))
    import cached

    packed = base64.b64decode(cached.for_browser("wall").partition(",")[2])
    header = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])
    assert [*json.loads(header["__metadata__"]["about"])["models"]] == [*MODELS, OWN, "plugin.ours"]


def test_the_command_line_takes_its_name(own, capsys, tmp_path):
    words = ["--checkpoint", "ours", "--planner", "gd", "--problems", "1", "--out", str(tmp_path / "strip.png")]
    assert main(["plan", "--task", "wall", *words]) == 0 and "of 1 = " in capsys.readouterr().out


def test_each_setting_is_in_the_label(own):
    assert whole(own())
    import models

    run = CustomRun("wall", "control", 3, "smoke", 12, lr=0.5, data="mine")
    assert models.title(run) == "Control · 12 steps · lr 0.5 · data mine · seed 3 · 20 episodes"
    assert models.brief(run) == "My Control 12 lr 0.5 data mine seed 3 toy" and models.brief(RUN) == "My Control 12"


def test_a_file_is_the_visitors_alone(own, monkeypatch):
    test = own("train", part="inspect")
    import models

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
    assert models.names("wall", told.append) == (*MODELS, OWN, name, "plugin.ours", "plugin.torn") and len(told) == 3
    assert models.names("push_t") == MODELS
    who = "another"
    assert name not in models.names("wall")
    with pytest.raises(LabError, match="not those of Granular"):
        models.keep(read_checkpoint(file), "x", "granular")
    for i in range(models.EACH + 1):  # as if they were other files
        models.keep(replace(read_checkpoint(file), digest=str(i)), str(i), "wall")
    assert len(kept) == len(list(kept[name].folder.parent.iterdir())) == 1 + models.EACH
    monkeypatch.setattr(models, "ALL", len(kept))
    who, others = "a third", [*kept]
    for _ in range(2):  # the second time it is there already
        theirs = models.keep(read_checkpoint(file), "x", "wall")
        assert name == others[0] and [*kept] == [*others[1:], theirs]  # the oldest of all has made way
    with pytest.raises(LabError, match="upload it again"):
        models.folder_of("wall", name)
    assert shown_models([OWN, "online", "base"]) == ["base", "online", OWN]


def test_names_of_packages_are_plain():
    for name, folder, refusal in (("My model", "x", "small letters"), ("number", 3, "path of its folder, got 3")):
        with pytest.raises(LabError, match=refusal):
            registry.register(name, folder)
