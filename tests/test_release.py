"""World models of the authors' release: files with their layout and class paths, made here, become models of ours.

Their predictor is written once more below, from its description, and ours must predict the same.
"""

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
import yaml
from test_dino import TINY, save_dino
from test_importers import Reduces
from torch import nn

from lab.benchmarks import CARDS, card_of
from lab.cli import main
from lab.data.imported import Trajectory, save_imported
from lab.errors import LabError
from lab.files import model_folder, models_root
from lab.importers import release
from lab.importers.release import PUSH_T, import_release
from lab.machine import MACHINE
from lab.models import load_model, read_info
from lab.planning import Settings
from lab.tasks import make_task

CHANNELS, PATCHES, FRAMES, HEADS, EMBEDDED = 32, 4, 3, 2, 10


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * HEADS * 64, bias=False)
        self.to_out = nn.Sequential(nn.Linear(HEADS * 64, width), nn.Dropout(0.1))
        self.register_buffer("bias", torch.ones(FRAMES, FRAMES).tril().kron(torch.ones(PATCHES, PATCHES)))

    def forward(self, x):
        q, k, v = (part.unflatten(-1, (HEADS, 64)).transpose(1, 2) for part in self.to_qkv(self.norm(x)).chunk(3, -1))
        seen = self.bias[: x.shape[1], : x.shape[1]].bool()
        scores = (q @ k.mT / 8).masked_fill(~seen, -torch.inf).softmax(-1)
        return self.to_out((scores @ v).transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        first, last = nn.Linear(width, 24), nn.Linear(24, width)
        self.net = nn.Sequential(nn.LayerNorm(width), first, nn.GELU(), nn.Dropout(0.1), last, nn.Dropout(0.1))

    def forward(self, x):
        return self.net(x)


class Transformer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList([nn.ModuleList([Attention(width), FeedForward(width)]) for _ in range(2)])

    def forward(self, x):
        for attention, perceptron in self.layers:
            x = x + attention(x)
            x = x + perceptron(x)
        return self.norm(x)


class ViTPredictor(nn.Module):
    def __init__(self, width=CHANNELS + 2 * EMBEDDED):
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.randn(1, FRAMES * PATCHES, width))
        self.transformer = Transformer(width)

    def forward(self, x):
        return self.transformer(x + self.pos_embedding[:, : x.shape[1]])


class ProprioceptiveEmbedding(nn.Module):
    def __init__(self, numbers):
        super().__init__()
        self.patch_embed = nn.Conv1d(numbers, EMBEDDED, 1)

    def forward(self, x):
        return self.patch_embed(x.mT).mT


class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.dec = nn.ConvTranspose2d(CHANNELS, 3, 4)


class AcceleratedOptimizer:
    def __init__(self, optimizer):
        self.optimizer, self.scaler = optimizer, None


PATHS = {
    "models.vit": (Attention, FeedForward, Transformer, ViTPredictor), "models.vqvae": (VQVAE,),
    "models.proprio": (ProprioceptiveEmbedding,), "accelerate.optimizer": (AcceleratedOptimizer,),
}  # fmt: skip


@pytest.fixture(scope="module")
def theirs():
    """Their modules with random weights, by the names in a checkpoint."""
    torch.manual_seed(0)
    parts = {"predictor": ViTPredictor(), "decoder": VQVAE()}
    parts |= {"action_encoder": ProprioceptiveEmbedding(10), "proprio_encoder": ProprioceptiveEmbedding(4)}
    return {name: part.eval() for name, part in parts.items()}


def save_run(folder, parts, file="model_latest.pth", **settings):
    """A run of theirs in ``folder``, whose classes have their paths while it is written."""
    with pytest.MonkeyPatch.context() as patch:
        for module, classes in PATHS.items():
            patch.setitem(sys.modules, module, stand_in := ModuleType(module))
            for kind in classes:
                setattr(stand_in, kind.__name__, kind)
                patch.setattr(kind, "__module__", module)
        for package in ("models", "accelerate"):
            patch.setitem(sys.modules, package, ModuleType(package))
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        optimiser = AcceleratedOptimizer(torch.optim.AdamW([nn.Parameter(torch.ones(2))]))
        torch.save({"epoch": 7, **parts, "predictor_optimizer": optimiser}, folder / "checkpoints" / file)
    layout = {"concat_dim": 1, "num_action_repeat": 1, "num_proprio_repeat": 1, "img_size": 32}
    (folder / "hydra.yaml").write_text(yaml.safe_dump({"env": {"name": "pusht"}, **layout, **settings}), "utf-8")
    return folder


@pytest.fixture(autouse=True)
def small(tmp_path, tmp_path_factory, monkeypatch):
    """A tiny DINOv2, tiny recipes, and a cache of its own."""
    weights = tmp_path_factory.getbasetemp() / "release-dino"
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(MACHINE, "dino", weights if weights.exists() else save_dino(weights))
    monkeypatch.setenv("LAB_DINO", str(weights))
    monkeypatch.setattr(release, "PICTURES", 1)
    for task in ("push_t", "wall"):
        card = replace(card_of(task), dino=TINY, settings=Settings({"gd": {"iterations": 2}}))
        monkeypatch.setitem(CARDS.registered, task, card)


@pytest.fixture
def run(theirs, tmp_path):
    return save_run(tmp_path / "outputs" / "pusht", theirs)


def test_one_step_is_theirs(theirs, run):
    model = load_model(import_release(run, "push_t", "base", progress=False))
    rng = torch.Generator().manual_seed(1)
    pictures = torch.randn(5, FRAMES, PATCHES, CHANNELS, generator=rng)
    proprio, actions = (torch.randn(5, FRAMES, size, generator=rng) for size in (4, 10))
    embedded = torch.cat([theirs["proprio_encoder"](proprio), theirs["action_encoder"](actions)], -1)
    tokens = torch.cat([pictures, embedded[:, :, None].expand(-1, -1, PATCHES, -1)], -1)
    with torch.no_grad():
        expected = theirs["predictor"](tokens.flatten(1, 2)).view(tokens.shape)
        found = model.predict(torch.cat([pictures.flatten(2), proprio], -1), actions)
        torch.testing.assert_close(found[..., :-4], expected[..., :CHANNELS].flatten(2), rtol=1e-4, atol=1e-5)
        sensed = expected[..., CHANNELS : CHANNELS + EMBEDDED].mean(2)
        nearest = theirs["proprio_encoder"](found[..., -4:])  # of all embeddings of numbers, the nearest to theirs
        weight = theirs["proprio_encoder"].patch_embed.weight.squeeze(-1)
        torch.testing.assert_close((sensed - nearest) @ weight, torch.zeros(5, FRAMES, 4), rtol=0, atol=1e-4)


def test_the_model_is_of_the_family_and_knows_where_it_came_from(run):
    folder = import_release(run, "push_t", "online", progress=False)
    assert folder == model_folder("push_t", "online", family="dino") and read_info(folder)["imported"]["epoch"] == 7
    model = load_model(folder)
    assert (model.spec.residual, model.spec.history, model.spec.layers, model.spec.heads) == (False, 3, 2, 2)
    for name, values in PUSH_T.items():
        torch.testing.assert_close(getattr(model, name), torch.tensor(values))
    tokens = model.encoder(torch.from_numpy(make_task("push_t").render(np.full((1, 7), 200.0), 28)))
    torch.testing.assert_close(
        model.encode(make_task("push_t").render(np.full((1, 7), 200.0), 28), np.zeros((1, 4)))[:, :-4], tokens
    )


def test_it_is_planned_with_and_finetuned(run, capsys):
    assert main(["import", "release", str(run), "--task", "push_t", "--name", "base"]) == 0
    assert capsys.readouterr().out.startswith("base model of push_t, family dino\n")
    before = load_model(model_folder("push_t", "base", family="dino")).state_dict()
    words = ["--task", "push_t", "--family", "dino"]
    assert main(["plan", *words, "--model", "base", "--problems", "1", "--preset", "quick", "--planner", "gd"]) == 0
    assert main(["train", *words, "--method", "adversarial"]) == 0
    after = load_model(model_folder("push_t", "adversarial", family="dino"))
    assert not after.spec.residual and not torch.equal(
        after.state_dict()["predictor.position"], before["predictor.position"]
    )
    again = load_model(model_folder("push_t", "base", family="dino")).state_dict()
    assert all(torch.equal(before[name], again[name]) for name in before)  # it was not trained anew
    assert main(["import", "release", str(run), "--task", "push_t", "--name", "base"]) == 2
    assert "already" in capsys.readouterr().err


def test_the_last_epoch_is_taken_where_there_is_no_latest(theirs, tmp_path):
    for epoch in (2, 10):
        run = save_run(tmp_path / "run", theirs | {"epoch": torch.ones(1)}, file=f"model_{epoch}.pth")
    source = read_info(import_release(run, "push_t", "base", progress=False))["imported"]
    assert (source["file"], source["epoch"]) == ("model_10.pth", None)


def test_statistics_are_those_of_the_imported_data(theirs, tmp_path):
    simulator = make_task("wall")
    states, actions = simulator.collect(np.random.default_rng(0), 2, 10)
    save_imported("wall", "theirs", [*map(Trajectory, states, actions)], "a test", 28, steps=6, most=1, progress=False)
    parts = theirs | {"proprio_encoder": ProprioceptiveEmbedding(2)}
    run = save_run(tmp_path / "run", parts, env={"name": "wall"})
    with pytest.raises(LabError, match="holds no statistics: import their data of wall first"):
        import_release(run, "wall", "base", progress=False)
    model = load_model(import_release(run, "wall", "base", "theirs", progress=False))
    np.testing.assert_allclose(model.action_std, actions.std((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(model.proprio_mean, states.mean((0, 1)), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"env": {"name": "wall"}}, "is of wall, not of push_t"),
        ({"env": {"name": "kitchen"}}, "is of kitchen, not of push_t"),
        ({"env": {"name": [1]}}, r"no hydra\.yaml of the authors.*no text"),
        ({"env": 3}, r"no hydra\.yaml of the authors"),
        ({"concat_dim": 0}, "in another way than the paper"),
        ({"img_size": "large"}, "in another way than the paper"),
        ({"img_size": 64}, "name the folder of the right weights by .LAB_DINO"),
    ],
)
def test_a_run_of_another_kind_is_refused(settings, message, theirs, tmp_path):
    run = save_run(tmp_path / "run", theirs, **settings)
    with pytest.raises(LabError, match=message):
        import_release(run, "push_t", "base", progress=False)
    assert not (models_root(family="dino") / "push_t").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictor": nn.Linear(2, 2)}, r"no predictor of the authors' models/vit\.py"),
        ({"predictor": torch.ones(2)}, "holds Numbers where a module should be"),
        ({"action_encoder": ProprioceptiveEmbedding(8)}, "does not fit the patch-token family"),
        ({"predictor": Reduces(print, "executed")}, r"it asks for builtins\.print, which"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(change, message, theirs, tmp_path, capsys):
    run = save_run(tmp_path / "run", theirs | change)
    with pytest.raises(LabError, match=message):
        import_release(run, "push_t", "base", progress=False)
    assert capsys.readouterr().out == ""


def test_what_is_no_run_is_refused(run, tmp_path):
    with pytest.raises(LabError, match=r"hydra\.yaml does not exist"):
        import_release(tmp_path, "push_t", "base")
    (run / "hydra.yaml").write_text("!!python/object/apply:os.system [true]", "utf-8")
    with pytest.raises(LabError, match=r"no hydra\.yaml of the authors.*ConstructorError"):
        import_release(run, "push_t", "base")
    torch.save({"model": nn.Linear(1, 1)}, save_run(tmp_path / "run", {}) / "checkpoints" / "model_latest.pth")
    with pytest.raises(LabError, match="should have predictor, action_encoder, proprio_encoder"):
        import_release(tmp_path / "run", "push_t", "base")
    (tmp_path / "run" / "checkpoints" / "model_latest.pth").unlink()
    with pytest.raises(LabError, match=r"no model_latest\.pth or model_<epoch>\.pth"):
        import_release(tmp_path / "run", "push_t", "base")
    with pytest.raises(LabError, match="Unknown model 'mine'"):
        import_release(run, "push_t", "mine")
