"""A preset is one entry of one file."""

from dataclasses import replace

from lab.benchmarks import recipe_of
from lab.cli import build_parser
from lab.files import models_root
from lab.presets import PRESETS
from lab.repro.reproduce import graph
from lab.studies.common.config import Config
from lab.studies.registry import STUDIES


def test_a_new_preset_is_an_entry(monkeypatch, tmp_path):
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    monkeypatch.setitem(PRESETS, "tiny", replace(PRESETS["smoke"], n=2))
    assert build_parser().parse_args(["reproduce", "--preset", "tiny"]).preset == "tiny"
    config = Config("wall", "tiny")
    assert all(protocol.n == 2 for protocol in config.protocols().values())
    assert config.recipe == recipe_of("wall", "smoke") and models_root("tiny") != models_root("smoke")
    steps = graph("tiny", ["fig4_gap"], ["wall"], str(tmp_path / "out"))
    (study,) = (step for step in steps if step.name == "fig4_gap wall")
    assert study.seconds == STUDIES["fig4_gap"].seconds(PRESETS["tiny"]) and '"preset": "tiny"' in str(study.command)
