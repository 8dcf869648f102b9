"""Training: exact repetition and resumption, and the invariants of each method."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lab.benchmarks import recipe_of
from lab.data import DataSpec, load_or_collect
from lab.errors import LabError
from lab.files import MODELS, cache_root
from lab.models import load_model
from lab.tasks import make_task
from lab.training import train
from lab.training.adversarial import Adversarial, Radii
from lab.training.latents import LatentData, encode_dataset
from lab.training.loop import Method, Schedule, fit
from lab.training.online import Online, OnlineConfig, read_rounds
from lab.training.teacher_forcing import TeacherForcing, prediction_loss


def weights(folder):
    return load_model(folder).state_dict()


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def retrain(task, method, seed, recipe, root):
    """Train again into ``root``, on the encoder and base model of the shared fixture."""
    return train(task, method, seed, recipe, root, start=cache_root() / "tiny", progress=False)


@pytest.fixture(scope="module")
def wall(tiny_model, trained):
    """(model, data set, latents) of the Wall task; the model's predictions depend on all of their inputs."""
    model = tiny_model("wall")
    model.predictor.head.weight.data.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    data = load_or_collect(DataSpec("wall", "train", 8), progress=False)
    return model, data, encode_dataset(model, data, progress=False)


# --- Averaged weights and precision


class Pull(Method):
    """A loss with a known gradient; it notes the weight that each step meets, and the precision of a product."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def loss(self, model, step, schedule, rng):
        self.seen.append(model.weight.item())
        self.precision = model(torch.ones(1, 1)).dtype
        return {"loss": (model.weight - 1).square().sum()}


@pytest.mark.parametrize("half", [False, True])
def test_the_trained_model_has_the_moving_average_of_its_weights(half):
    averaged, last, method = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False), Pull()
    last.load_state_dict(averaged.state_dict())
    schedule = Schedule(steps=30, lr=0.1, average=0.5, bfloat16=half)
    fit(averaged, method, schedule, progress=False)
    fit(last, Pull(), replace(schedule, average=0.0), progress=False)
    expected = method.seen[0]
    for step, weight in enumerate([*method.seen[1:], last.weight.item()]):
        decay = min(0.5, (step + 1) / (step + 10))
        expected = decay * expected + (1 - decay) * weight
    assert averaged.weight.item() == pytest.approx(expected, rel=1e-5)
    assert averaged.weight.item() != last.weight.item() and averaged.weight.dtype == torch.float32
    assert method.precision == (torch.bfloat16 if half else torch.float32)


# --- Repetition and resumption


@pytest.mark.parametrize("method", MODELS)
def test_the_same_seed_gives_the_same_weights(method, trained, tiny_recipe, tmp_path):
    first = weights(trained("wall", method))
    assert equal(first, weights(retrain("wall", method, 0, tiny_recipe("wall"), tmp_path)))
    other = weights(retrain("wall", method, 1, tiny_recipe("wall"), tmp_path))
    assert not torch.equal(first["predictor.head.weight"], other["predictor.head.weight"])
    assert not torch.equal(first["encoder.components"], other["encoder.components"])  # it saw other data


def test_a_whole_pipeline_repeats_itself(trained, tiny_recipe, tmp_path):
    again = train("push_t", "online", 0, tiny_recipe("push_t"), tmp_path, progress=False)
    assert equal(weights(trained("push_t", "online")), weights(again))


CLASSES = {"base": TeacherForcing, "control": TeacherForcing, "online": Online, "adversarial": Adversarial}


@pytest.mark.parametrize("method", MODELS)
@pytest.mark.parametrize("killed_at", [3, 8, 11])
def test_a_killed_training_ends_in_the_same_weights(killed_at, method, trained, tiny_recipe, tmp_path):
    expected = trained("wall", method)
    original = CLASSES[method].loss

    def loss(self, model, step, schedule, rng):
        if step == killed_at:
            raise KeyboardInterrupt
        return original(self, model, step, schedule, rng)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CLASSES[method], "loss", loss)
        retrain("wall", method, 0, tiny_recipe("wall"), tmp_path)
    run = tmp_path / "wall" / method / "seed0"
    assert (run / "state.safetensors").exists() == (killed_at > 5) and not (run / "model.json").exists()
    resumed = retrain("wall", method, 0, tiny_recipe("wall"), tmp_path)
    assert equal(weights(expected), weights(resumed))
    assert (resumed / "metrics.jsonl").read_text("utf-8") == (expected / "metrics.jsonl").read_text("utf-8")
    kept = {"metrics.jsonl", "model.json", "predictor.safetensors", "run.json"} | (
        {"rounds"} if method == "online" else set()
    )
    assert {path.name for path in run.iterdir()} == kept


def test_a_killed_run_of_another_recipe_is_not_resumed(tiny_recipe, trained, tmp_path, monkeypatch):
    trained("wall", "control")
    other = replace(tiny_recipe("wall"), finetune=Schedule(steps=12, lr=1e-2, batch=16, checkpoint_every=5))
    monkeypatch.setattr("lab.training.pipeline.save_model", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        retrain("wall", "control", 0, other, tmp_path)
    monkeypatch.undo()
    resumed = retrain("wall", "control", 0, tiny_recipe("wall"), tmp_path)
    assert equal(weights(trained("wall", "control")), weights(resumed))


@pytest.mark.parametrize("content", [b"", b"noise" * 50])
def test_a_broken_resume_state_is_refused_in_one_sentence(content, tiny_recipe, trained, tmp_path):
    trained("wall")
    run = tmp_path / "wall" / "control" / "seed0"
    run.mkdir(parents=True)
    (run / "state.safetensors").write_bytes(content)
    with pytest.raises(LabError, match=r"state.safetensors has been changed .*: delete it"):
        retrain("wall", "control", 0, tiny_recipe("wall"), tmp_path)


def test_a_finished_training_is_not_repeated(trained, tiny_recipe, monkeypatch):
    folder = trained("wall", "control")
    monkeypatch.setattr("lab.training.pipeline.fit", lambda *_: pytest.fail("trained again"))
    assert trained("wall", "control") == folder


def test_finetuning_starts_from_the_base_model_and_leaves_its_encoder(trained):
    base, online = (load_model(trained("wall", method)) for method in ("base", "online"))
    for name, tensor in base.state_dict().items():
        assert torch.equal(tensor, online.state_dict()[name]) == (not name.startswith("predictor")), name
    change = online.predictor.head.weight - base.predictor.head.weight
    assert change.abs().max() < 0.05


def test_the_log_has_first_and_last_step(trained):
    lines = [json.loads(line) for line in (trained("wall") / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in lines] == [0, 11]
    assert lines[0]["loss"] == pytest.approx(lines[0]["latent"] + lines[0]["proprio"], abs=1e-6)


@pytest.mark.parametrize("method", ["control", "adversarial"])
def test_a_training_that_is_not_finite_saves_nothing(method, trained, tiny_recipe, tmp_path):
    trained("wall")
    wild = replace(tiny_recipe("wall"), finetune=Schedule(steps=12, lr=1e30, batch=16, checkpoint_every=1))
    with pytest.raises(LabError, match="so that training stops: lower lr"):
        retrain("wall", method, 0, wild, tmp_path)
    assert not list(tmp_path.rglob("model.*"))


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"steps": True}, {"batch": 1}, {"lr": 0.0}, {"lr": True}, {"average": 1.0}]
)
def test_impossible_schedules_are_refused(wrong):
    with pytest.raises(LabError, match="steps >= 1"):
        Schedule(**wrong)


def test_unknown_names_are_refused(tmp_path):
    with pytest.raises(LabError, match="Unknown method 'dreamer': choose one of base"):
        train("wall", "dreamer", 0, recipe_of("wall"), tmp_path)
    with pytest.raises(LabError, match="Unknown task 'chess'"):
        train("chess", "base", 0, recipe_of("wall"), tmp_path)
    with pytest.raises(LabError, match="Unknown preset 'huge'"):
        recipe_of("wall", "huge")


# --- Data as the predictor sees it


def test_batches_are_transitions_of_one_frameskip():
    z = torch.arange(4 * 13).view(4, 13, 1).float()
    actions = 100 * torch.arange(4 * 12).view(4, 12, 1).float() / 100 + 1000
    data = LatentData(z, actions, frameskip=5)
    here, blocks, after = (part[:, 0] for part in data.batch(500, torch.Generator().manual_seed(0)))
    assert torch.equal(after, here + 5)
    episode, first = here[:, 0] // 13, here[:, 0] % 13
    assert set(first.tolist()) == set(range(8)) and set(episode.tolist()) == {0, 1, 2, 3}
    assert torch.equal(blocks, (1000 + 12 * episode + first)[:, None] + torch.arange(5))


@pytest.mark.parametrize("task", ["push_t", "wall"])
def test_latents_are_standardised_and_their_distance_is_kept(task, tiny_model):
    model = tiny_model(task)
    data = load_or_collect(DataSpec(task, "train", 8), progress=False)
    latents = encode_dataset(model, data, progress=False)
    picture, proprio = latents.z[..., : model.latent_dim], latents.z[..., model.latent_dim :]
    assert picture.pow(2).mean().item() == pytest.approx(1, rel=0.1)
    assert len(model.latent_std.unique()) == 1
    for numbers in (proprio, latents.actions):
        torch.testing.assert_close(numbers.mean((0, 1)), torch.zeros(numbers.shape[-1]), atol=1e-4, rtol=0)
        torch.testing.assert_close(numbers.flatten(0, 1).std(0), torch.ones(numbers.shape[-1]), atol=1e-4, rtol=0)


# --- Online World Modeling


def run_online(monkeypatch, wall, steps=12, **config):
    """An Online method after ``steps`` losses, and what each round executed: (starts, blocks, z)."""
    from lab.training import online

    model, _, latents = wall
    executed = []
    original = online.execute

    def spy(model, environment, starts, blocks):
        states, z, done = original(model, environment, starts, blocks)
        executed.append((starts, done, (states, z)))
        return states, z, done

    monkeypatch.setattr(online, "execute", spy)
    planner = replace(OnlineConfig().planner, iterations=3)
    method = Online(latents, make_task("wall"), OnlineConfig(segments=6, planner=planner, **config))
    rng = torch.Generator().manual_seed(0)
    for step in range(steps):
        method.loss(model, step, Schedule(steps, batch=16), rng)
    return method, executed


def test_every_online_transition_is_the_simulators(monkeypatch, wall):
    model, data, _ = wall
    task = make_task("wall")
    method, executed = run_online(monkeypatch, wall, rounds=2)
    z, blocks, z_next = (part[:, 0] for part in method.replay)
    assert len(executed) == 2 and len(z) == len(blocks) == len(z_next) == 2 * 6 * 5
    states = []
    for starts, plan, _ in executed:
        assert (starts[:, None, None] == data.states).all(-1).any((1, 2)).all()
        for i, state in enumerate(starts):
            for block in plan[i]:
                steps = model.denormalise_actions(block[None])
                after = task.simulate(state[None], steps[None])[0, -1]
                states.append((state, after))
                state = after
    before, after = (np.stack(column) for column in zip(*states, strict=True))
    torch.testing.assert_close(z, model.observe(task.observe(before)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(z_next, model.observe(task.observe(after)), atol=1e-4, rtol=1e-4)
    assert torch.equal(blocks, torch.cat([plan.flatten(0, 1) for _, plan, _ in executed]))


def test_a_corrected_trajectory_joins_up_and_starts_in_the_data(monkeypatch, wall):
    method, _ = run_online(monkeypatch, wall, rounds=1)
    z, _, z_next = (part.view(6, 5, -1) for part in method.replay)
    assert torch.equal(z[:, 1:], z_next[:, :-1])
    known = wall[2].z.flatten(0, 1)
    assert ((z[:, :1] - known).abs().amax(-1).min(1).values < 1e-4).all()


def test_the_replay_is_bounded_and_keeps_the_newest(monkeypatch, wall):
    method, executed = run_online(monkeypatch, wall, rounds=4, capacity=70)
    assert len(executed) == 4
    newest = torch.cat([z[:, :-1].flatten(0, 1) for *_, (_, z) in executed])[-70:]
    assert torch.equal(method.replay[0][:, 0], newest)


@pytest.mark.parametrize(("steps", "rounds"), [(12, 3), (10, 3), (3, 8), (7, 1)])
def test_there_are_as_many_rounds_as_asked_for(steps, rounds, monkeypatch, wall):
    _, executed = run_online(monkeypatch, wall, steps, rounds=rounds)
    assert len(executed) == min(steps, rounds)


def test_each_round_leaves_what_was_executed(trained, wall):
    model, data, _ = wall
    rounds = read_rounds(trained("wall", "online") / "rounds")
    assert [(states.shape, blocks.shape) for states, blocks in rounds] == [((4, 26, 2), (4, 5, 10))] * 3
    for states, blocks in rounds:
        actions = model.denormalise_actions(torch.from_numpy(blocks))
        np.testing.assert_allclose(make_task("wall").simulate(states[:, 0], actions), states, atol=1e-3)
        assert np.isclose(states[:, 0, None, None], data.states, atol=1e-4).all(-1).any((1, 2)).all()


def test_the_replay_fills_its_share_of_each_batch(monkeypatch, wall):
    method, _ = run_online(monkeypatch, wall, rounds=1, share=0.25)
    z = method._mixed_batch(16, torch.Generator().manual_seed(0))[0][:, 0]
    planned = (z[:, None] == method.replay[0][:, 0]).all(-1).any(1)
    assert len(z) == 16 and planned[12:].all() and planned.sum() <= 6  # a start may be in both


# --- Adversarial World Modeling


def perturbed(wall, radii):
    """(method, clean batch, worst case) of one batch."""
    model, _, latents = wall
    method = Adversarial(latents, radii)
    method.loss(model, 0, Schedule(batch=64), torch.Generator().manual_seed(0))
    batch = latents.batch(64, torch.Generator().manual_seed(1))
    return method, batch, method.worst_case(model, *batch, torch.Generator().manual_seed(2))


def test_perturbations_stay_within_their_radii_and_use_them(wall):
    method, (z, action, _), (worst_z, worst_action) = perturbed(wall, Radii(0.2, 0.1, 0.05))
    delta = torch.cat([worst_z - z, worst_action - action], -1)
    assert (delta.abs() <= method.epsilon + 1e-5).all()
    assert (delta.abs() >= method.epsilon - 1e-5).float().mean() > 0.5


def test_radii_are_multiples_of_the_first_batchs_deviation(wall):
    model, _, latents = wall
    method, *_ = perturbed(wall, Radii(0.2, 0.1, 0.05))
    z, action, _ = latents.batch(64, torch.Generator().manual_seed(0))
    d = model.latent_dim
    expected = [0.2 * z[..., :d].std()] * d + [0.1 * z[..., d:].std()] * 2 + [0.05 * action.std()] * 10
    torch.testing.assert_close(method.epsilon, torch.stack(expected))
    before = method.epsilon.clone()
    method.loss(model, 1, Schedule(batch=64), torch.Generator().manual_seed(9))
    assert torch.equal(method.epsilon, before)


def test_adaptive_radii_follow_every_batch(wall):
    model, _, latents = wall
    method, *_ = perturbed(wall, Radii(0.2, 0.1, 0.05, adaptive=True))
    method.loss(model, 1, Schedule(batch=64), torch.Generator().manual_seed(9))
    z, action, _ = latents.batch(64, torch.Generator().manual_seed(9))
    assert torch.equal(method.epsilon, method.radii.bounds(model, z, action))


def test_more_steps_find_a_worse_case_within_the_same_box(wall):
    worst = []
    for steps in (1, 10):
        method, (z, action, z_next), inputs = perturbed(wall, Radii(0.3, 0.3, 0.3, steps=steps))
        assert ((torch.cat(inputs, -1) - torch.cat([z, action], -1)).abs() <= method.epsilon + 1e-5).all()
        worst.append(prediction_loss(wall[0], *inputs, z_next)["loss"].item())
    assert worst[1] > worst[0]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"latent": -0.1}])
def test_impossible_radii_are_refused(wrong):
    with pytest.raises(LabError, match="finite multiples from 0 and at least 1 step"):
        Radii(**wrong)


def test_the_worst_case_is_worse_than_a_random_one(wall):
    model = wall[0]
    method, (z, action, z_next), worst = perturbed(wall, Radii(0.3, 0.3, 0.3))
    clean = torch.cat([z, action], -1)
    uniform = clean + method.epsilon * (2 * torch.rand(clean.shape, generator=torch.Generator().manual_seed(2)) - 1)
    losses = [
        prediction_loss(model, *inputs, z_next)["loss"].item()
        for inputs in (uniform.split([z.shape[-1], 10], -1), worst)
    ]
    assert losses[1] > 1.05 * losses[0]


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_targets_stay_clean(steps, wall, monkeypatch):
    model, _, latents = wall
    targets = []

    def spy(model, z, action, z_next):
        targets.append(z_next)
        return prediction_loss(model, z, action, z_next)

    monkeypatch.setattr("lab.training.adversarial.prediction_loss", spy)
    Adversarial(latents, Radii(0.5, 0.5, 0.5, steps=steps)).loss(
        model, 0, Schedule(batch=16), torch.Generator().manual_seed(3)
    )
    clean = latents.batch(16, torch.Generator().manual_seed(3))[2]
    assert len(targets) == steps + 1 and all(torch.equal(target, clean) for target in targets)


def test_without_radii_it_is_teacher_forcing(wall):
    model, _, latents = wall
    rngs = [torch.Generator().manual_seed(4) for _ in range(2)]
    ours = Adversarial(latents, Radii(0, 0, 0)).loss(model, 0, Schedule(batch=16), rngs[0])["loss"]
    assert torch.equal(ours, TeacherForcing(latents).loss(model, 0, Schedule(batch=16), rngs[1])["loss"])
