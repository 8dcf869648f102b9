"""The paper's family of models, on a tiny DINOv2 with random weights: the real code from pictures to plans."""

import json
import shutil
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from lab.benchmarks import CARDS, card_of, recipe_of
from lab.cli import main
from lab.errors import LabError
from lab.evaluation.success import evaluate
from lab.files import MODELS, cache_root, model_folder, models_root, read_json, write_json
from lab.machine import MACHINE
from lab.models import PatchSpec, WorldModel, load_model, patches, whole_file
from lab.models.checkpoint import load_tensors
from lab.models.encoders.dino import SMALL, find_weights, weights_digest
from lab.models.inspect import read_checkpoint
from lab.models.patches import Block, PatchTransformer
from lab.planning import PLANNERS, GradientPlanner
from lab.repro.reproduce import graph
from lab.studies.common.config import Config
from lab.studies.common.protocol import Protocol
from lab.studies.fig3_efficiency import live
from lab.studies.overview.study import overview
from lab.studies.registry import figures_of
from lab.studies.rollouts.study import rollouts
from lab.tasks import make_task
from lab.training import initialisation, train
from lab.training.latents import LatentData, encode_dataset
from lab.training.loop import Schedule
from lab.training.online import Online, OnlineConfig
from lab.training.recipes import PatchRecipe
from lab.variables import family as family_named

TASK = "push_t"
FEW = Schedule(steps=4, batch=4, checkpoint_every=2)


@dataclass(frozen=True)
class Tiny(PatchRecipe):
    """Small as it is."""

    def shrunk(self) -> "Tiny":
        return self


TINY = Tiny(
    hidden=16, layers=2, heads=2, size=28, episodes=4, decoder_steps=2, base=FEW, finetune=FEW,
    online=OnlineConfig(rounds=2, segments=3, capacity=14, planner=GradientPlanner("adam", iterations=2)),
)  # fmt: skip


def save_dino(folder: Path, seed: int = 0, **config) -> Path:
    """A DINOv2 with random weights in ``folder``."""
    from transformers import Dinov2Config, Dinov2Model  # seconds, that other files' worker need not wait for

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 56, "patch_size": 14}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        Dinov2Model(Dinov2Config(**sizes | config)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return save_dino(tmp_path_factory.mktemp("dino"))


@pytest.fixture(scope="module", autouse=True)
def family(weights, tmp_path_factory):
    """All tests here are of the family dino, with tiny recipes, short plans and a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_CACHE", str(tmp_path_factory.mktemp("dino-cache")))
        patch.setenv("LAB_RECIPE", "dino")
        patch.setenv("LAB_DINO", str(weights))
        patch.setattr(MACHINE, "dino", weights)
        own = card_of(TASK).settings
        few = {"iterations": 2, "samples": 20, "elites": 2}
        short = {name: {key: few[key] for key in few if hasattr(own.planner(name), key)} for name in PLANNERS}
        card = replace(card_of(TASK), dino=TINY, settings=replace(own, options=short))
        patch.setitem(CARDS.registered, TASK, card)
        yield


@pytest.fixture(scope="module")
def folders(family) -> dict[str, Path]:
    """The folder of the model of each method, made by the command."""
    for method in MODELS:
        assert main(["train", "--task", TASK, "--method", method]) == 0
    return {method: model_folder(TASK, method, family="dino") for method in MODELS}


@pytest.fixture(scope="module")
def model(folders) -> WorldModel:
    """The base model; its predictions depend on all of their inputs."""
    base = load_model(folders["base"])
    base.predictor.head.weight.data.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    return base


def transformer(**sizes) -> PatchTransformer:
    """A predictor whose output depends on all of its inputs."""
    torch.manual_seed(0)
    made = PatchTransformer(4, 8, 2, 3, **{"history": 3, "layers": 2, "heads": 2, "hidden": 16} | sizes)
    torch.nn.init.normal_(made.head.weight, std=0.1)
    return made.requires_grad_(False)


def windows(frames: int = 3, batch: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(batch, frames, 34, generator=rng), torch.randn(batch, frames, 3, generator=rng)


# --- From pictures to models to plans


def test_tokens_are_those_of_the_library(model, weights):
    from transformers import Dinov2Model

    pictures = make_task(TASK).render(make_task(TASK).collect(np.random.default_rng(0), 1, 5)[0][0], 28)
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    expected = Dinov2Model.from_pretrained(weights).eval()(pixel_values=pixels).last_hidden_state
    tokens = model.encoder(torch.from_numpy(pictures)).view(len(pictures), 4, 32)
    torch.testing.assert_close(tokens, expected[:, 1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", MODELS)
def test_every_method_trains_on_it(method, folders):
    log = [json.loads(line) for line in (folders[method] / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert log[-1]["step"] == 3 and all(np.isfinite(line["loss"]) for line in log)
    base, here = (load_model(folders[name]).state_dict() for name in ("base", method))
    moved = {name.partition(".")[0] for name in base if not torch.equal(base[name], here[name])}
    assert moved == (set() if method == "base" else {"predictor"})


def test_a_killed_training_goes_on_to_the_same_weights(folders, tmp_path):
    original = Online.loss

    def loss(self, model, step, *rest):
        if step == 3:
            raise KeyboardInterrupt
        return original(self, model, step, *rest)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Online, "loss", loss)
        train(TASK, "online", 0, TINY, tmp_path, start=cache_root() / "models-dino", progress=False)
    assert (tmp_path / TASK / "online" / "seed0" / "state.safetensors").is_file()
    resumed = train(TASK, "online", 0, TINY, tmp_path, start=cache_root() / "models-dino", progress=False)
    expected, found = (load_model(folder).state_dict() for folder in (folders["online"], resumed))
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_settings_of_ones_own_are_kept_apart_too(folders):
    assert main(["train", "--task", TASK, "--method", "adversarial", "--steps", "2", "--radius", "0.1"]) == 0
    (own,) = (cache_root() / "own-dino" / TASK).iterdir()
    assert (own / "model.safetensors").is_file()


LONG = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("table1_success", "planners", "fig3_efficiency", "fig4_gap")
]


@pytest.mark.parametrize("name", ["fig2_landscape", *LONG])
def test_experiments_run_on_it(name, folders, monkeypatch):
    if name == "planners":
        monkeypatch.setattr(f"lab.studies.{name}.study.ALL", ("cem", "network+adam", "prior"))
        initialisation.train_initialisation(TASK, recipe_of(TASK, "smoke", "dino"), "smoke", "dino", progress=False)
    config = Config(TASK, "smoke", family="dino")
    result = import_module(f"lab.studies.{name}.study").run(config)
    assert all(set(table.model) >= {"base", "adversarial"} for table in result.tables.values() if "model" in table)
    assert figures_of(name).print_figure(result).axes
    assert config.folder(name).parts[-3:] == ("smoke-dino", name, TASK)


def test_models_are_kept_apart_from_the_small_ones(folders, monkeypatch):
    assert all(cache_root() / "models-dino" in folder.parents for folder in folders.values())
    assert cache_root() not in model_folder(TASK, "base").parents and recipe_of(TASK).encoder != "dino"


def test_what_is_made_with_them_is_kept_apart_too(folders, capsys, monkeypatch):
    assert main(["plan", "--task", TASK, "--model", "base", "--problems", "1"]) == 0
    assert "base0-dino-" in Path(capsys.readouterr().out.splitlines()[-1].removeprefix("film strip: ")).name
    assert live.live_folder(TASK, 5, "dino") != live.live_folder(TASK, 5, "small")
    measured = []
    monkeypatch.setattr(live, "measure", lambda config, folder, models: measured.append((config.family, folder)))
    assert live.main(*live.command(TASK, 5, "dino")[1:]) == 0
    assert measured == [("dino", live.live_folder(TASK, 5, "dino"))]


def test_the_checkpoint_names_its_weights_and_does_not_hold_them(folders, weights):
    spec = read_json(folders["base"] / "model.json")["spec"]
    assert (spec["source"], spec["digest"]) == (SMALL, weights_digest(weights))
    texts = [path.read_text("utf-8") for folder in folders.values() for path in folder.glob("*.json")]
    assert len(texts) >= len(MODELS) and not any(str(weights) in text for text in texts)  # no path of this machine
    names = load_tensors(folders["base"])
    assert names and not [name for name in names if name.startswith("encoder.")]


def test_the_inspector_says_that_its_file_is_not_enough(folders):
    with pytest.raises(LabError, match=r"is a world model on patch tokens, whose sizes only the model\.json beside it"):
        read_checkpoint(whole_file(folders["base"]))


def test_latents_are_a_memory_map_in_half_precision(folders, model):
    data = recipe_of(TASK, family="dino").data(TASK)
    latents = encode_dataset(model, data)
    (path,) = (cache_root() / "latents").glob("*.npy")
    stored = np.load(path, mmap_mode="r")
    assert stored.dtype == np.float16 and stored.shape == (4, 51, 4 * 32 + 4) and latents.z.dtype == torch.float16
    seen = model.encode(np.array(data.pixels[2, :7]), make_task(TASK).proprio(data.states[2, :7]))
    torch.testing.assert_close(latents.z[2, :7].float(), seen, rtol=2e-3, atol=2e-3)
    z, blocks, z_next = latents.batch(6, torch.Generator().manual_seed(0))
    assert [part.shape for part in (z, blocks, z_next)] == [(6, 3, 132), (6, 3, 10), (6, 3, 132)]
    assert z.dtype == torch.float32 and torch.equal(z[:, 1:], z_next[:, :-1])


@pytest.mark.parametrize(("planner", "mode"), [("gd", []), ("cem", ["--mpc"])])
def test_the_command_plans_through_it(planner, mode, folders, tmp_path, capsys):
    out = tmp_path / "strip.png"
    words = [
        "--task",
        TASK,
        "--model",
        "adversarial",
        "--planner",
        planner,
        "--problems",
        "2",
        "--out",
        str(out),
        *mode,
    ]
    assert main(["plan", *words]) == 0
    assert out.stat().st_size > 1000 and "of 2 = " in capsys.readouterr().out


def test_a_checkpoint_is_planned_through_without_naming_the_family(folders, tmp_path, monkeypatch):
    monkeypatch.delenv("LAB_RECIPE")
    words = ["--task", TASK, "--checkpoint", str(folders["online"]), "--problems", "1"]
    assert main(["plan", *words, "--out", str(tmp_path / "strip.png")]) == 0


@pytest.mark.parametrize("name", PLANNERS)
def test_every_planner_runs_on_it(name, model):
    outcome = evaluate(model, card_of(TASK).settings.planner(name), Protocol(TASK, "dataset", 2).problems())
    assert outcome.plans[0].actions.shape == (2, 5, 10) and outcome.plans[0].loss.isfinite().all()


def test_the_initialisation_network_starts_its_plans(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(initialisation, "SCHEDULE", initialisation.SMOKE)
    assert main(["train", "--task", TASK, "--method", "initialisation"]) == 0
    words = ["--task", TASK, "--start", "network", "--problems", "1", "--out", str(tmp_path / "strip.png")]
    assert main(["plan", *words]) == 0


# --- The predictor


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_a_later_frame_changes_nothing_earlier(frame):
    predictor, (z, actions) = transformer(), windows()
    before = predictor(z, actions)
    z[:, frame] += 1
    actions[:, frame] -= 1
    after = predictor(z, actions)
    assert torch.equal(before[:, :frame], after[:, :frame])
    assert all(((after - before).abs().amax(-1) > 1e-4)[:, t].all() for t in range(frame, 3))


def test_within_a_frame_every_patch_sees_every_other():
    predictor, (z, actions) = transformer(), windows(1)
    for patch in range(4):
        moved = z.clone()
        moved[:, :, 8 * patch : 8 * patch + 8] += 1
        change = (predictor(moved, actions) - predictor(z, actions))[:, 0, :32].view(-1, 4, 8)
        assert (change.abs().amax(-1) > 1e-5).all()


def test_attention_is_that_of_a_mask_by_frame():
    torch.manual_seed(0)
    block, x = Block(28, heads=2, hidden=16), torch.randn(5, 3, 4, 28)
    q, k, v = block.queries_keys_values(x).view(5, 12, 3, 2, patches.HEAD).permute(2, 0, 3, 1, 4)
    frame = torch.arange(12) // 4
    gathered = F.scaled_dot_product_attention(q, k, v, attn_mask=frame[:, None] >= frame)
    torch.testing.assert_close(block._attend(x), gathered.transpose(1, 2).reshape(5, 3, 4, -1))


def test_problems_do_not_depend_on_their_batch():
    predictor, (z, actions) = transformer(), windows()
    torch.testing.assert_close(predictor(z, actions)[2:3], predictor(z[2:3], actions[2:3]))
    plans = torch.randn(5, 6, 3)
    torch.testing.assert_close(predictor.rollout(z[:, 0], plans)[3:], predictor.rollout(z[3:, 0], plans[3:]))


@pytest.mark.parametrize("history", [1, 2, 3, 5])
def test_a_rollout_sees_as_much_of_its_past_as_there_is(history):
    predictor, (z, _) = transformer(history=history), windows()
    actions = torch.randn(5, 4, 3)
    trajectory = predictor.rollout(z[:, 0], actions)
    assert trajectory.shape == (5, 5, 34) and torch.equal(trajectory[:, 0], z[:, 0])
    for t in range(4):
        past = slice(max(0, t + 1 - history), t + 1)
        expected = predictor(trajectory[:, past], actions[:, past])[:, -1]
        torch.testing.assert_close(trajectory[:, t + 1], expected)
    torch.testing.assert_close(predictor.step(z[:, 0], actions[:, 0]), trajectory[:, 1])


def test_in_parts_a_rollout_and_its_gradients_are_the_same(monkeypatch):
    predictor, (z, _) = transformer(), windows(batch=6)
    starts, actions = z[:, 0].view(2, 3, -1), torch.randn(2, 3, 4, 3, requires_grad=True)
    found = []
    for tokens in (2**12, 24):  # all rows at once; two at a time
        monkeypatch.setattr(patches, "TOKENS", tokens)
        trajectory = predictor.rollout(starts, actions)
        (gradient,) = torch.autograd.grad(trajectory[..., -1, :].square().sum(), actions)
        found.append((trajectory, gradient))
    for whole, parts in zip(*found, strict=True):
        torch.testing.assert_close(whole, parts)


def test_untrained_it_predicts_no_change():
    z, actions = windows()
    assert torch.equal(PatchTransformer(4, 8, 2, 3, layers=1, heads=1, hidden=4)(z, actions), z)


def test_tasks_without_proprioception_have_it_too():
    predictor = PatchTransformer(4, 8, 0, 3, layers=1, heads=1, hidden=4)
    assert predictor.rollout(torch.randn(2, 32), torch.randn(2, 5, 3)).shape == (2, 6, 32)


def test_more_frames_than_the_history_are_refused():
    with pytest.raises(LabError, match="sees 3 frames at most, not 4"):
        transformer()(*windows(4))


# --- Windows of data


def test_windows_are_consecutive_transitions():
    z = torch.arange(2 * 31).view(2, 31, 1).half()
    actions = torch.arange(2 * 30).view(2, 30, 1).float()
    data = LatentData(z, actions, frameskip=5, history=3)
    here, blocks, after = data.batch(300, torch.Generator().manual_seed(0))
    assert torch.equal(here[:, 1:], after[:, :-1]) and torch.equal(after, here + 5)
    episode, first = here[:, 0, 0].long() // 31, here[:, 0, 0].long() % 31
    assert set(first.tolist()) == set(range(16))
    assert torch.equal(blocks.flatten(1), (30 * episode + first)[:, None].float() + torch.arange(15))


def test_windows_of_online_data_follow_its_plans(model):
    data = recipe_of(TASK, family="dino").data(TASK)
    method = Online(encode_dataset(model, data), make_task(TASK), replace(TINY.online, capacity=9))
    method.loss(model, 0, Schedule(1, batch=8), torch.Generator().manual_seed(0))
    z, blocks, z_next = method.replay
    assert len(z) == 9 and z.dtype == torch.float16  # 3 plans of 5 blocks hold 3 windows of 3 each
    assert torch.equal(z[:, 1:], z_next[:, :-1])
    for plan in blocks.view(3, 3, 3, 10):
        assert torch.equal(plan[0, 1:], plan[1, :2]) and torch.equal(plan[1, 1:], plan[2, :2])


# --- Weights


def test_weights_are_found_in_the_hubs_cache(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(MACHINE, "dino", None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        LabError,
        match=f"run 'hf download {SMALL} config.json model.safetensors' once, or name a folder with them by",
    ):
        find_weights(SMALL)
    cached = tmp_path / f"models--{SMALL.replace('/', '--')}"
    shutil.copytree(weights, cached / "snapshots" / "abc")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc", "utf-8")
    assert find_weights(SMALL) == cached / "snapshots" / "abc"
    spec = recipe_of(TASK, family="dino").spec(make_task(TASK))
    assert isinstance(spec, PatchSpec) and spec.source == SMALL and spec.digest == weights_digest(weights)


def test_files_of_older_releases_give_the_same_tokens(model, weights, tmp_path, monkeypatch):
    old = {
        "q_proj": "attention.query",
        "k_proj": "attention.key",
        "v_proj": "attention.value",
        "o_proj": "output.dense",
    }
    tensors = load_file(weights / "model.safetensors")
    for new, name in old.items():
        tensors = {key.replace(f"attention.{new}", f"attention.{name}"): tensor for key, tensor in tensors.items()}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(weights / "config.json", tmp_path)
    monkeypatch.setattr(MACHINE, "dino", tmp_path)
    encoder = WorldModel(recipe_of(TASK, family="dino").spec(make_task(TASK))).encoder
    pictures = torch.randint(256, (3, 28, 28, 3), dtype=torch.uint8)
    torch.testing.assert_close(encoder(pictures), model.encoder(pictures))


@pytest.mark.parametrize("change", [{"seed": 1}, {"num_attention_heads": 4}])
def test_a_model_refuses_other_weights_than_its_own(change, folders, tmp_path, monkeypatch):
    monkeypatch.setattr(MACHINE, "dino", save_dino(tmp_path / "other", **change))
    with pytest.raises(LabError, match=r"made with other DINOv2 weights .* name the folder of the right ones by LAB"):
        load_model(folders["base"])


def test_bookkeeping_in_the_weights_folder_does_not_count(folders, weights, tmp_path, monkeypatch):
    shutil.copytree(weights, tmp_path / "copy")
    config = read_json(tmp_path / "copy" / "config.json") | {"transformers_version": "4.0.0"}
    write_json(tmp_path / "copy" / "config.json", config)
    monkeypatch.setattr(MACHINE, "dino", tmp_path / "copy")
    load_model(folders["base"])


def broken(name: str, content: bytes):
    return lambda folder: (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "no model.safetensors"),
        (lambda folder: (folder / "config.json").unlink(), "There is no config.json in "),
        (broken("config.json", b"{"), "not valid JSON"),
        (broken("config.json", b'{"model_type": "vit"}'), "not that of a DINOv2"),
        (broken("config.json", b'{"model_type": "dinov2"}'), "does not name its hidden_size"),
        (broken("model.safetensors", b"noise"), "does not hold the weights of a DINOv2"),
        (lambda folder: save_file({"x": torch.ones(1)}, folder / "model.safetensors"), "does not hold the weights"),
    ],
)
def test_broken_weights_are_refused_in_one_sentence(damage, message, weights, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(weights, tmp_path / "weights")
    damage(folder)
    monkeypatch.setenv("LAB_DINO", str(folder))
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    assert main(["train", "--task", TASK, "--method", "base"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("python -m lab train: ") and message in said


def test_without_the_library_one_sentence_says_what_to_install(folders, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(LabError, match=r"one more library: pip install -e '\.\[dino\]'"):
        load_model(folders["base"])


@pytest.mark.parametrize(
    ("change", "message"),
    [({"size": 30}, "30 pixels do not divide into patches of 14"), ({"history": 6}, "must be 1 to 5 frames")],
)
def test_impossible_recipes_are_refused(change, message):
    with pytest.raises(LabError, match=message):
        replace(TINY, **change).spec(make_task(TASK))


@pytest.mark.parametrize("wrong", [{"latent_dim": 3 * 32}, {"channels": 33}, {"history": 0}, {"encoder": "points"}])
def test_impossible_specs_are_refused(wrong):
    with pytest.raises(LabError):
        PatchSpec(TASK, **{"latent_dim": 4 * 32, "channels": 32} | wrong)


def test_nothing_of_the_small_family_is_looked_at(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("lab.files.SHIPPED", tmp_path)
    monkeypatch.setitem(CARDS.registered, TASK, replace(card_of(TASK), small=None))
    shutil.copytree(models_root("quick", "dino") / TASK, models_root("smoke", "dino") / TASK, dirs_exist_ok=True)
    config = Config(TASK, "smoke", family="dino", out=str(tmp_path))
    seen = overview(config)
    assert seen.radius == TINY.radii.latent
    assert rollouts(config).task == TASK
    steps = graph("smoke", ["overview", "tasks"], [TASK], str(tmp_path), family="dino")
    for step in steps:
        assert all("smoke-dino" in path.parts for path in step.outputs)
        step.note()
    assert json.loads(steps[0].command[2])["family"] == "dino" and steps[-1].command[-1] == "dino"


def test_an_unknown_family_is_refused(monkeypatch):
    monkeypatch.setenv("LAB_RECIPE", "clip")
    assert main(["train", "--task", TASK, "--method", "base"]) == 2
    with pytest.raises(LabError, match="Unknown LAB_RECIPE 'clip': choose one of small, dino"):
        family_named()
    with pytest.raises(LabError, match="Unknown family of models 'clip': choose one of small, dino"):
        Config(TASK, family="clip")
