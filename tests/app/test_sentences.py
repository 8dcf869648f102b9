"""The sentences that pages write about what they show."""

import numpy as np
import pandas as pd
import pytest
from harness import APP

from lab.evaluation.slices import Slice
from lab.results import Result, load_result
from lab.studies.common.stored import REFERENCE, preset_folder


@pytest.fixture
def sentences(monkeypatch):
    monkeypatch.syspath_prepend(str(APP))
    import sentences

    return sentences


def errors(mean: float, seed: int) -> np.ndarray:
    return mean + 0.1 * np.random.default_rng(seed).random((40, 5))


@pytest.mark.parametrize(
    ("planned", "expert", "near", "told"),
    [
        ((3, 2), (1, 1), True, ["2.9 times", "above zero", "smaller than Base’s", "along plans is 1 smaller"]),
        ((3, 3), (1, 2), True, ["smaller than Base’s", "is because its error along the experts’ actions is larger"]),
        ((3, 3.5), (1, 2.5), True, ["but 100% of that is because"]),
        ((3, 4), (1, 1), True, ["larger than Base’s by 1"]),
        ((3, 3), (1, 1), True, ["not shown to differ"]),
        ((1, 1), (2, 2), True, ["below zero, planning errs less here"]),
        ((1, 1), (2, 2), False, ["on the near problems"]),
    ],
)  # fmt: skip
def test_gap(sentences, planned, expert, near, told):
    models = ("base", "adversarial")
    along = [
        {m: errors(mean, seed) for m, mean in zip(models, means, strict=True)}
        for seed, means in enumerate((planned, expert))
    ]
    text = sentences.gap(*along, near)
    assert all(part in text for part in told), text
    assert ("Adversarial" in text) == near


def test_landscape(sentences):
    axis = np.linspace(-1, 1, 9)
    bowl = axis[:, None] ** 2 + axis**2
    rough = bowl + np.random.default_rng(0).random(bowl.shape)
    cuts = [Slice(axis, loss[None]) for loss in (rough, bowl)]
    text = sentences.landscape(("base", "online"), cuts)
    assert "**Online** is the smoothest, and Base" in text and "from 100% of it on Online" in text
    assert "From 100% of this slice" in sentences.landscape(("online",), cuts[1:])


def test_every_kept_result_has_one(sentences):
    folders = [path.parent for path in sorted(preset_folder("full", REFERENCE).glob("*/wall/meta.json"))]
    texts = {folder: sentences.result(folder.parent.name, load_result(folder)) for folder in folders}
    assert len(texts) > 5 and [folder for folder, text in texts.items() if not text.endswith(".")] == []
    assert sentences.result("planners", Result({"none": pd.DataFrame({"x": [1]})}, {})) == ""


def test_efficiency(sentences):
    ratios = load_result(preset_folder("full", REFERENCE) / "fig3_efficiency" / "push_t").tables["ratios"]
    assert "as good as CEM on the same model" in sentences.efficiency(ratios, "batch")
    assert sentences.efficiency(ratios.assign(met=False), "batch").startswith("No gradient planner")
    assert sentences.efficiency(ratios[:0], "batch") == ""
