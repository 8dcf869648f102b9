"""A model and an environment that nobody registered: both methods, success, the gap, the landscape and statistics."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lab.data import Problems
from lab.errors import LabError
from lab.evaluation.compare import compare
from lab.evaluation.drive import begin, drive
from lab.evaluation.episode import run_episode, unfold
from lab.evaluation.gap import train_test_gap
from lab.evaluation.imagination import imagined, reached_at
from lab.evaluation.slices import directions, landscape
from lab.evaluation.success import evaluate, goal_distance
from lab.models import Evaluable, Trainable
from lab.models.protocols import see
from lab.planning import CEM, MPC, Constant, GradientPlanner
from lab.tasks.environment import Environment, executed
from lab.training.adversarial import Adversarial, Radii
from lab.training.combined import Combined
from lab.training.identity import identity
from lab.training.latents import LatentData, encode
from lab.training.loop import Method, Schedule, fit
from lab.training.online import Online, OnlineConfig
from lab.training.teacher_forcing import TeacherForcing, prediction_loss

PLAN = MPC(horizon=3, execute=3, budget=1)
ADAM = GradientPlanner("adam", lr=0.2, iterations=30, bound=1.0)
SCHEDULE = Schedule(steps=60, lr=3e-3, batch=32, checkpoint_every=20)
SHORT = Schedule(steps=2, lr=3e-3, batch=8, checkpoint_every=1)


class Pendulum:
    """An angle and its speed; torques beyond 1 are cut off. Observations are cosine, sine and speed."""

    def executed(self, actions):
        return np.clip(actions, -1.0, 1.0)

    def simulate(self, starts, actions):
        states = [np.asarray(starts, dtype=float)]
        for torque in self.executed(actions).transpose(1, 0, 2):
            angle, speed = states[-1].T
            speed = 0.95 * speed + 0.3 * torque[:, 0] + 0.1 * np.sin(angle)
            states.append(np.stack([angle + 0.2 * speed, speed], 1))
        return np.stack(states, 1)

    def observe(self, states):
        return np.stack([np.cos(states[..., 0]), np.sin(states[..., 0]), states[..., 1]], -1)

    def distance(self, states, goals):
        return np.linalg.norm(states - goals, axis=-1) / 0.3


class Model(nn.Module):
    """One hidden layer; two environment steps are one block."""

    block_dim = 2

    def __init__(self):
        super().__init__()
        self.change = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 3))

    def observe(self, observation):
        return torch.as_tensor(observation, dtype=torch.float32)

    def predict(self, z, actions):
        return z + self.change(torch.cat([z, actions], -1))

    def rollout(self, z0, actions):
        z = [z0]
        for block in actions.unbind(-2):
            z.append(self.predict(z[-1], block))
        return torch.stack(z, -2)

    def normalise_actions(self, actions):
        return torch.as_tensor(actions, dtype=torch.float32).reshape(*actions.shape[:-2], -1, 2)

    def denormalise_actions(self, blocks):
        return blocks.double().reshape(*blocks.shape[:-2], -1, 1).numpy(force=True)


def collected(n=24, steps=12):
    """Starts, and where random torques lead."""
    rng = np.random.default_rng(0)
    starts = rng.normal(0, [1.0, 0.3], (n, 2))
    actions = rng.uniform(-1, 1, (n, steps, 1))
    return Pendulum().simulate(starts, actions), actions


def problems_of(states, actions):
    """One problem for each episode: to where its first six torques lead."""
    return Problems(Pendulum(), states[:, 0], states[:, 6], actions[:, :6])


@pytest.fixture(scope="module")
def world():
    """(data, problems)"""
    states, actions = collected()
    return encode(new_model(), Pendulum(), states, actions, progress=False), problems_of(states, actions)


def new_model(seed=0):
    torch.manual_seed(seed)
    return Model()


def methods(data):
    """Base training, the control, and the two methods, alone and together."""
    online = OnlineConfig(rounds=2, segments=8, planner=ADAM, horizon=3)
    return {
        "base": TeacherForcing(data),
        "online": Online(data, Pendulum(), online),
        "adversarial": Adversarial(data, Radii(0.1, 0.0, 0.1)),
        "combined": Combined(Online(data, Pendulum(), online), Adversarial(data, Radii(0.05, 0.0, 0.05))),
    }


@pytest.fixture(scope="module")
def models(world):
    """By name, the base model and those trained on from it; the control is the base by more of the same."""
    trained = {"base": new_model()}
    fit(trained["base"], methods(world[0])["base"], SCHEDULE, progress=False)
    for name, method in methods(world[0]).items():
        trained[name if name != "base" else "control"] = model = new_model()
        model.load_state_dict(trained["base"].state_dict())
        fit(model, method, SCHEDULE, seed=1, progress=False)
    return {name: model.requires_grad_(False) for name, model in trained.items()}


def test_the_protocols_are_fulfilled():
    assert isinstance(Pendulum(), Environment) and isinstance(Model(), Evaluable) and isinstance(Model(), Trainable)


def test_every_method_trains_and_lowers_the_loss(world):
    for method in methods(world[0]).values():
        model = new_model()
        before = [parameter.clone() for parameter in model.parameters()]
        log = fit(model, method, SCHEDULE, progress=False)
        assert [row["step"] for row in log] == [0, 50, 59] and log[-1]["loss"] < log[0]["loss"]
        assert not any(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_success_gap_and_paired_differences(models, world):
    rows = []
    for name, model in models.items():
        for planner, options in (("adam", ADAM), ("cem", CEM(samples=32, elites=6, iterations=3, bound=1.0))):
            outcome = evaluate(model, options, world[1], PLAN)
            gap = train_test_gap(model, outcome)
            assert gap.planned.shape == gap.expert.shape == (24, 3) and np.isfinite(gap.planned).all()
            success = outcome.success["full"].astype(int)
            columns = {"problem": range(24), "success": success, "gap": gap.by_problem}
            rows.append(pd.DataFrame({"model": name, "train_seed": 0, "planner": planner} | columns))
    table = pd.concat(rows, ignore_index=True)
    for value in ("success", "gap"):
        differences = compare(table, value, ["planner"])
        assert len(differences) == 2 * 5 and (differences.low <= differences.difference).all()
        assert (differences.difference <= differences.high).all() and set(differences.n) == {24}


def test_the_gap_needs_no_second_simulation(models, world, monkeypatch):
    """evaluate simulates and sees each boundary once; only the expert comes on top."""
    counts = {"steps": 0, "frames": 0}
    simulate, observe = Pendulum.simulate, Pendulum.observe

    def simulated(self, starts, actions):
        counts["steps"] += actions.shape[0] * actions.shape[1]
        return simulate(self, starts, actions)

    def observed(self, states):
        counts["frames"] += states[..., 0].size
        return observe(self, states)

    monkeypatch.setattr(Pendulum, "simulate", simulated)
    monkeypatch.setattr(Pendulum, "observe", observed)
    outcome = evaluate(models["base"], ADAM, world[1], PLAN)
    assert counts == {"steps": 24 * 6, "frames": 24 * 2}  # start and goal
    gap = train_test_gap(models["base"], outcome)
    assert counts == {"steps": 2 * 24 * 6, "frames": 24 * (2 + 3 + 4)}
    z = imagined(models["base"], outcome)
    assert counts["steps"] == 2 * 24 * 6 and z.shape == (24, 4, 3)
    error = ((z - outcome.latents)[:, 1:] ** 2).mean(-1)
    np.testing.assert_allclose(gap.planned, error, rtol=1e-5)
    np.testing.assert_array_equal(reached_at(outcome)[:, -1], outcome.success["full"])


def test_mpc_landscape_episode_and_drive(models, world):
    model, problem = models["online"], world[1][:2]
    outcome = evaluate(model, ADAM, problem, MPC(horizon=3, execute=1, budget=4))
    assert outcome.states.shape == (2, 5, 2) and outcome.trajectory.shape == (2, 9, 2)
    centre = model.normalise_actions(problem.expert)
    objective, z0 = goal_distance(model, problem), see(model, problem.environment, problem.starts)
    cut = landscape(model, z0, objective, centre, *directions(0, *centre.shape), points=7)
    assert cut.loss.shape == (2, 7, 7) and np.isfinite(cut.roughness()).all()
    episode = run_episode(model, ADAM, problem[:1], PLAN)
    assert episode.imagined_frames is None and episode.blocks.tolist() == [0, 2, 4, 6]
    assert unfold(model, episode).distance["full"][-1] == pytest.approx(episode.distance["full"][-1], rel=1e-3)
    driven = drive(model, Pendulum(), begin(model, Pendulum(), problem.starts[0]), np.array([1.0]))
    assert driven.states.shape == (3, 2) and driven.error.shape == (2,)


# --- Online


def test_the_replay_keeps_what_was_executed(world):
    """Plans without a bound ask for more torque than there is."""
    data = world[0]
    config = OnlineConfig(rounds=1, segments=8, horizon=3, planner=GradientPlanner("adam", lr=1.0, iterations=20))
    method, model = Online(data, Pendulum(), config), new_model()
    fit(model, method, Schedule(steps=1, batch=8), progress=False)
    z, blocks, z_next = (part[:, 0] for part in method.replay)
    assert len(blocks) == 8 * 3 and blocks.abs().max() == 1.0
    for here, block, after in zip(z.numpy(), blocks, z_next.numpy(), strict=True):
        start = np.array([[np.arctan2(here[1], here[0]), here[2]]])
        states = Pendulum().simulate(start, model.denormalise_actions(block[None])[None])
        np.testing.assert_allclose(Pendulum().observe(states[0, -1]), after, atol=1e-5)


def test_a_bounded_planner_stays_within_its_bound(world):
    method = methods(world[0])["online"]
    fit(new_model(), method, Schedule(steps=1, batch=8), progress=False)
    assert method.replay[1].abs().max() <= 1.0


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(0, 1000))
def test_what_is_executed_of_executed_actions_is_all_of_them(steps, seed):
    actions = np.random.default_rng(seed).normal(0, 3, (2, steps, 1))
    once = executed(Pendulum(), actions)
    np.testing.assert_array_equal(executed(Pendulum(), once), once)
    starts = np.zeros((2, 2))
    np.testing.assert_array_equal(Pendulum().simulate(starts, actions), Pendulum().simulate(starts, once))


# --- Runs


def test_a_killed_run_of_your_model_goes_on_where_it_was(world, tmp_path):
    whole = new_model()
    expected = fit(whole, methods(world[0])["online"], SCHEDULE, 3, tmp_path / "whole", progress=False)

    original = Online.loss

    def loss(self, model, step, schedule, rng):
        if step == 45:
            raise KeyboardInterrupt
        return original(self, model, step, schedule, rng)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Online, "loss", loss)
        fit(new_model(), methods(world[0])["online"], SCHEDULE, 3, tmp_path / "killed", progress=False)
    again = new_model()
    log = fit(again, methods(world[0])["online"], SCHEDULE, 3, tmp_path / "killed", progress=False)
    assert log == expected
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def _larger():
    model = new_model()
    model.change = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))
    return model


def _of_other_weights():
    model = new_model()
    with torch.no_grad():
        next(model.parameters()).add_(0.01)
    return model


class Heavier(Pendulum):
    def __init__(self, mass):
        self.mass = mass


class Own:
    """A method that is no dataclass, with a setting, data, and something that changes."""

    def __init__(self, data, share=0.5):
        self.data, self.share, self._calls = data, share, 0

    def loss(self, model, step, schedule, rng):
        self._calls += 1
        return {"loss": self.share * prediction_loss(model, *self.data.batch(schedule.batch, rng))["loss"]}

    def state(self):
        return {}

    def restore(self, state):
        return None


def _shifted(data):
    """The data with another number."""
    z = data.z.clone()
    z[3, 4, 1] += 1
    return replace(data, z=z)


def _online(data, mass=1.0, **options):
    small = {"rounds": 1, "segments": 4, "planner": replace(ADAM, iterations=2), "horizon": 3}
    return Online(data, Heavier(mass), OnlineConfig(**small | options))


def _radii(data, **options):
    return Adversarial(data, replace(Radii(0.1, 0.0, 0.1), **options))


#: by what differs: another run than one of teacher forcing, or of the first of two methods
OTHERS = {
    "sizes": {"model": _larger},
    "weights": {"model": _of_other_weights},
    "method": {"method": _radii},
    "schedule": {"schedule": replace(SHORT, lr=2 * SHORT.lr)},
    "seed": {"seed": 1},
    "data": {"method": lambda data: TeacherForcing(_shifted(data))},
    "actions": {"method": lambda data: TeacherForcing(replace(data, actions=-data.actions))},
    "fewer data": {"method": lambda data: TeacherForcing(replace(data, z=data.z[:-1], actions=data.actions[:-1]))},
}
SETTINGS = {
    "radius": (_radii, lambda data: _radii(data, action=0.2)),
    "steps uphill": (_radii, lambda data: _radii(data, steps=2)),
    "share": (_online, lambda data: _online(data, share=0.4)),
    "planner": (_online, lambda data: _online(data, planner=replace(ADAM, iterations=3))),
    "environment": (_online, lambda data: _online(data, mass=2.0)),
    "both": (
        lambda data: Combined(_online(data), _radii(data)),
        lambda data: Combined(_online(data), _radii(data, latent=0.3)),
    ),
    "of your own": (Own, lambda data: Own(data, 0.6)),
    "data of your own": (Own, lambda data: Own(_shifted(data))),
}


def train_in(folder, data, model=None, method=TeacherForcing, schedule=SHORT, seed=0):
    model = (model or new_model)()
    fit(model, method(data), schedule, seed, folder, progress=False)
    return model


@pytest.mark.parametrize("other", OTHERS)
def test_another_run_is_not_taken_over(other, world, tmp_path):
    train_in(tmp_path, world[0])
    with pytest.raises(LabError, match=r"state.safetensors is another run's: .* delete the file to start over"):
        train_in(tmp_path, world[0], **OTHERS[other])


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_run_of_other_settings_is_not_taken_over_and_one_of_the_same_is(setting, world, tmp_path):
    ours, theirs = SETTINGS[setting]
    first = train_in(tmp_path, world[0], method=ours)
    again = train_in(tmp_path, replace(world[0], z=world[0].z.clone()), method=ours)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    with pytest.raises(LabError, match=r"state.safetensors is another run's"):
        train_in(tmp_path, world[0], method=theirs)


def test_the_data_of_a_run_are_known_however_large_they_are(monkeypatch):
    """Of the largest, by evenly spaced rows."""
    monkeypatch.setattr("lab.training.identity.MOST", 4000)
    data = LatentData(torch.zeros(100, 11, 3, dtype=torch.float16), torch.zeros(100, 10, 2), 1)
    assert identity(TeacherForcing(data)) == identity(TeacherForcing(replace(data, z=data.z.clone())))
    assert identity(TeacherForcing(data)) != identity(TeacherForcing(replace(data, z=data.z + 1)))
    assert identity(TeacherForcing(data)) != identity(TeacherForcing(replace(data, z=data.z.float())))


# --- Misuse


class Detached(Model):
    def predict(self, z, actions):
        return super().predict(z, actions).detach()


class Blind(Model):
    def predict(self, z, actions):
        return z + self.change(torch.cat([z, 0 * actions.detach()], -1))


class Misshapen(Model):
    def predict(self, z, actions):
        return super().predict(z, actions).mean(-2)


def train_on(model, method):
    return lambda data: fit(model, methods(data)[method], SCHEDULE, progress=False)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (train_on(Detached(), "base"), "Detached.predict gives no gradient for the model's parameters"),
        (train_on(Detached(), "adversarial"), "Detached gives no gradient for its inputs"),
        (train_on(Blind(), "online"), "Blind gives no gradient for its inputs"),
        (train_on(Misshapen(), "base"), r"Misshapen.predict should return z \(32, 1, 3\), the next of each"),
        (train_on(Model().requires_grad_(False), "base"), "Model has no parameter to train"),
        (
            lambda data: fit(new_model(), TeacherForcing(data), Schedule(steps=60, lr=1e30, batch=8), progress=False),
            "so that training stops: lower lr",
        ),
        (
            lambda data: Online(data, Pendulum(), OnlineConfig(horizon=7)),
            "Online plans 7 blocks of 2 steps: .* fewer than the 13 states",
        ),
        (lambda data: OnlineConfig(rounds=0), "at least 1 round"),
    ],
)
def test_misuse_of_training_is_answered_in_a_sentence(act, said, world):
    with pytest.raises(LabError, match=said):
        act(world[0])


@pytest.mark.parametrize(
    ("made", "got"),
    [
        ({}, r"got \{\}\."),
        ({"loss": 1.0}, r"got \{'loss': 1\.0\}\."),
        ({"loss": torch.ones(2)}, r"got \{'loss': a tensor \(2,\)\}\."),
        ({"loss": torch.ones(()), "latent": torch.ones(3, 2)}, r"'latent': a tensor \(3, 2\)\}\."),
        ({"latent": torch.ones(())}, r"got \{'latent': a tensor \(\)\}\."),
        (torch.ones(()), r"got a tensor \(\)\."),
        (None, "got None."),
    ],
)
def test_a_method_whose_loss_is_none_is_refused_in_a_sentence(made, got):
    class Odd(Method):
        def loss(self, model, step, schedule, rng):
            return made

    with pytest.raises(LabError, match=r"^Odd\.loss should return a dict of tensors of one number each, .*" + got):
        fit(new_model(), Odd(), SHORT, progress=False)


@pytest.mark.parametrize(
    ("method", "remedy"),
    [
        (TeacherForcing, "lower lr"),
        (_radii, r"lower lr or Radii\(latent=0\.1, .*\)"),
        (lambda data: Combined(_online(data), _radii(data)), r"lower lr or Radii\(latent=0\.1, .*\)"),
        (Own, "lower lr"),
    ],
)
def test_a_training_that_is_not_finite_names_step_rate_and_what_to_try(method, remedy, world):
    late = Schedule(steps=4, lr=1e-3, batch=8)

    class Late(type(method(world[0]))):
        def loss(self, model, step, schedule, rng):
            return (
                super().loss(model, step, schedule, rng)
                if step < 2
                else {"loss": model.change[0].bias.sum() * torch.nan}
            )

    broken = method(world[0])
    broken.__class__ = Late
    with pytest.raises(LabError) as refusal:
        fit(new_model(), broken, late, progress=False)
    said = r"The loss is nan at step 2, where the learning rate is 0\.0005, so that training stops: "
    said += rf"{remedy} \(lr is 0\.001\)\."
    assert re.fullmatch(said, str(refusal.value)), refusal.value


def test_weights_that_are_not_finite_are_named_with_the_step_before(world, tmp_path):
    wild = Schedule(steps=3, lr=1e30, batch=8, checkpoint_every=1, weight_decay=1e30)
    with pytest.raises(LabError, match=r"not finite at step 0, where the learning rate is 1e\+30, .* lower lr "):
        train_in(tmp_path, world[0], schedule=wild)


class Short(Pendulum):
    def simulate(self, starts, actions):
        return super().simulate(starts, actions)[:, 1:]


class Flat(Model):
    def observe(self, observation):
        return super().observe(observation).flatten()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda s, a: Problems(Pendulum(), s[:, 0], s[:1, 6]), "starts and goals of one shape"),
        (lambda s, a: Problems(Pendulum(), s[:, 0], s[:, 6], a[0]), r"expert's actions must be \(n, T, a\)"),
        (lambda s, a: encode(Model(), Pendulum(), s, a[:, :-1]), "Trajectories are states"),
        (lambda s, a: encode(Model(), Pendulum(), s[:, :2], a[:, :1]), "of 1 steps are shorter than a block of 2"),
        (lambda s, a: encode(Flat(), Pendulum(), s, a), r"Flat.observe should return z \(20, 13, 'Z'\)"),
        (lambda s, a: evaluate(Flat(), ADAM, problems_of(s, a), PLAN), "Flat.observe should return z"),
        (
            lambda s, a: evaluate(Model(), ADAM, Problems(Short(), s[:, 0], s[:, 6]), PLAN),
            r"Short.simulate should return states \(24, 7, 2\)",
        ),
        (lambda s, a: evaluate(Model(), ADAM, problems_of(s, a), "closed"), "Unknown mode 'closed'"),
        (lambda s, a: evaluate(Blind(), ADAM, problems_of(s, a), PLAN), "Blind gives no gradient for its inputs"),
        (
            lambda s, a: train_test_gap(Model(), evaluate(Model(), ADAM, problems_of(s, a)[:1], MPC(2, 1, 2))),
            "measured in open loop",
        ),
        (
            lambda s, a: train_test_gap(
                Model(), evaluate(Model(), Constant(torch.zeros(2)), Problems(Pendulum(), s[:, 0], s[:, 6]), PLAN)
            ),
            "These problems have no expert",
        ),
    ],
)
def test_misuse_of_evaluation_is_answered_in_a_sentence(act, said):
    with pytest.raises(LabError, match=said):
        act(*collected())


def test_a_model_that_cannot_be_trained_is_refused_in_a_sentence():
    """One of another width than the latents, and one built under inference mode."""

    class Wide(nn.Module):
        history = 1

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def predict(self, z: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
            return self.layer(torch.cat([z, action], -1))

    with torch.inference_mode():
        frozen = Wide()
    for model, width, words in (
        (Wide(), 3, r"Wide\.predict fails on z \(2, 1, 3\) and actions \(2, 1, 2\): .*\.$"),
        (frozen, 2, "Wide was built under torch.inference_mode"),
    ):
        data = LatentData(torch.zeros(3, 11, width), torch.zeros(3, 10, 2), 1)
        with pytest.raises(LabError, match=words) as refusal:
            fit(model, TeacherForcing(data), Schedule(steps=2, batch=2), progress=False)
        assert "\n" not in str(refusal.value)


def test_a_message_is_one_line_whatever_it_quotes():
    assert str(LabError(f"Not {np.eye(2)}: give a number.")) == "Not [[1. 0.]  [0. 1.]]: give a number."
