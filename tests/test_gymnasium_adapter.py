"""Environments that nobody here wrote, as simulators: what is simulated is what they do, to the bit."""

from functools import cache

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control import PendulumEnv
from gymnasium.wrappers import Autoreset, FlattenObservation, RescaleAction, TransformObservation
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.data import problems_along
from lab.errors import LabError
from lab.machine import MACHINE
from lab.tasks import GymnasiumEnvironment, workers
from lab.tasks.environment import distances
from lab.tasks.wall import Wall

T = 12


def read(env: gym.Env) -> np.ndarray:
    return env.unwrapped.state


def write(env: gym.Env, state: np.ndarray) -> None:
    env.unwrapped.state = state


def pendulum(make="Pendulum-v1", **options) -> GymnasiumEnvironment:
    return GymnasiumEnvironment(make, get_state=read, set_state=write, **options)


@cache
def mujoco(name: str, **options) -> GymnasiumEnvironment:
    pytest.importorskip("mujoco", reason="the extra `mujoco` is not installed")
    return GymnasiumEnvironment(name, **options)


ENVIRONMENTS = {
    "Pendulum, functions": cache(pendulum),
    "Pendulum, replay": cache(lambda: GymnasiumEnvironment("Pendulum-v1", replay=2 * T)),
    "Reacher, qpos and qvel": lambda: mujoco("Reacher-v5"),
    "Hopper, qpos and qvel": lambda: mujoco("Hopper-v5"),
    "Hopper, replay": lambda: mujoco("Hopper-v5", replay=2 * T),
}


@pytest.fixture(params=ENVIRONMENTS, scope="module")
def environment(request) -> GymnasiumEnvironment:
    return ENVIRONMENTS[request.param]()


def native(env: gym.Env, seed: int, actions: np.ndarray) -> list[np.ndarray]:
    """The observations of a plain episode."""
    seen = [env.reset(seed=seed)[0]]
    return seen + [env.step(action.astype(np.float32))[0] for action in actions]


# --- What is simulated


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), cut=st.integers(1, T - 1))
def test_two_simulations_in_a_row_are_one_long_one(environment, seed, cut):
    states, actions = environment.collect(np.random.default_rng(seed), 2, T)
    whole = environment.simulate(states[:, 0], actions)
    first = environment.simulate(states[:, 0], actions[:, :cut])
    second = environment.simulate(first[:, -1], actions[:, cut:])
    np.testing.assert_array_equal(whole, states)
    np.testing.assert_array_equal(np.concatenate([first, second[:, 1:]], 1), whole)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_neither_the_order_of_problems_nor_what_was_before_matters(environment, seed):
    states, actions = environment.collect(np.random.default_rng(seed), 3, T)
    starts = states[:, T // 2]
    backwards = environment.simulate(starts[::-1], actions[::-1])[::-1]
    np.testing.assert_array_equal(environment.simulate(starts, actions), backwards)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), size=st.floats(0, 100))
def test_actions_are_clipped_to_the_box_and_executed_says_to_what(environment, seed, size):
    rng = np.random.default_rng(seed)
    start = environment.collect(rng, 1, 1)[0][:, 0]
    asked = size * rng.normal(size=(1, 3, environment.action_dim))
    executed = environment.executed(asked)
    assert all(action.astype(np.float32) in environment.action_space for action in executed[0])
    inside = np.abs(asked) < environment.action_space.high
    np.testing.assert_allclose(executed[inside], asked[inside], rtol=1e-6, atol=1e-30)
    np.testing.assert_array_equal(environment.executed(executed), executed)
    np.testing.assert_array_equal(environment.simulate(start, asked), environment.simulate(start, executed))


@pytest.mark.parametrize(
    "pair", [("Pendulum, functions", "Pendulum, replay"), ("Hopper, qpos and qvel", "Hopper, replay")]
)
def test_a_replay_goes_where_a_set_state_goes(pair):
    state_set, replayed = (ENVIRONMENTS[name]() for name in pair)
    states, actions = state_set.collect(np.random.default_rng(0), 2, 2 * T)
    histories, same_actions = replayed.collect(np.random.default_rng(0), 2, 2 * T)
    np.testing.assert_array_equal(actions, same_actions)
    assert actions.std() > 0.3
    ends = (environment.simulate(s[:, T], actions[:, T:])
            for environment, s in ((state_set, states), (replayed, histories)))  # fmt: skip
    seen = [environment.observe(s) for environment, s in zip((state_set, replayed), ends, strict=True)]
    np.testing.assert_allclose(*seen, atol=1e-6)


def test_collected_episodes_are_those_of_the_environment_itself():
    environment = pendulum()
    states, actions = environment.collect(np.random.default_rng(3), 1, T, policy=lambda seen, rng: -9 * seen[1:2])
    seed = int(np.random.default_rng(3).integers(2**31))
    seen = native(PendulumEnv(), seed, actions[0])
    np.testing.assert_array_equal(environment.observe(states[0]), seen)
    np.testing.assert_allclose(actions[0, :, 0], np.clip(-9 * np.array(seen)[:-1, 1], -2, 2), rtol=1e-6)


def test_our_own_task_through_its_gymnasium_face_is_the_same_simulator():
    environment = pendulum(lambda: gym.make("lab/Wall-v0", render_mode="rgb_array"))
    states, actions = environment.collect(np.random.default_rng(0), 3, T)
    for t in range(T):
        np.testing.assert_array_equal(states[:, t + 1], Wall().step(states[:, t], actions[:, t]))
    np.testing.assert_array_equal(environment.pictures(states[:, -1]), Wall().render(states[:, -1], 224))


@pytest.fixture
def no_workers():
    workers._stop()
    yield
    workers._stop()


@pytest.mark.parametrize(
    "options", [{"get_state": read, "set_state": write}, {"replay": T}], ids=["functions", "replay"]
)
def test_worker_processes_give_the_same_numbers(options, monkeypatch, no_workers):
    slow = GymnasiumEnvironment("Pendulum-v1", slow=True, **options)
    states, actions = slow.collect(np.random.default_rng(0), 9, T)
    for processes in (1, 2):
        monkeypatch.setattr(MACHINE, "processes", processes)
        np.testing.assert_array_equal(slow.simulate(states[:, 0], actions), states)
        assert len(workers._pool) == processes - 1


# --- Where episodes end


def test_neither_a_time_limit_nor_termination_cuts_a_simulation_short():
    short = pendulum(lambda: gym.make("Pendulum-v1", max_episode_steps=3))
    states, actions = short.collect(np.random.default_rng(0), 1, T)
    np.testing.assert_array_equal(states, pendulum().simulate(states[:, 0], actions))


def test_a_fallen_pendulum_goes_on_falling():
    environment = mujoco("InvertedPendulum-v5")
    states, actions = environment.collect(np.random.default_rng(0), 1, 60)
    env = gym.make("InvertedPendulum-v5")
    env.reset(seed=int(np.random.default_rng(0).integers(2**31)))
    ended = [env.step(action.astype(np.float32))[2] for action in actions[0]]
    assert ended[-1] and states.shape[1] == 61
    np.testing.assert_allclose(environment.observe(states[0, -1]), env.unwrapped._get_obs())
    np.testing.assert_array_equal(environment.simulate(states[:, 0], actions), states)


# --- What is observed


def test_observations_pass_the_wrappers_and_other_spaces_are_flattened():
    space = gym.spaces.Box(-16, 16, (3,))
    twice = pendulum(lambda: TransformObservation(gym.make("Pendulum-v1"), lambda seen: 2 * seen, space))
    states, _ = twice.collect(np.random.default_rng(0), 2, 3)
    np.testing.assert_array_equal(twice.observe(states), 2 * pendulum().observe(states))
    assert pendulum().observe(states[0, 0]).shape == (3,)
    wall = gym.make("lab/Wall-v0", size=8)
    flat = GymnasiumEnvironment(lambda: wall, replay=3)
    states, _ = flat.collect(np.random.default_rng(0), 1, 2)
    assert flat.observe(states).shape == (1, 3, *FlattenObservation(wall).observation_space.shape)


def test_observation_distance_and_own_functions():
    mine = pendulum(observe=np.cos, distance=lambda states, goals: np.abs(states - goals).max(-1))
    states = np.array([[0.0, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(mine.observe(states), np.cos(states))
    np.testing.assert_array_equal(mine.distance(states, states[::-1]), [1, 1])


def test_without_a_distance_there_are_problems_but_no_success():
    plain, measured = pendulum(), pendulum(distance=lambda states, goals: np.abs(states - goals).max(-1))
    trajectories = plain.collect(np.random.default_rng(0), 3, 10)
    problems = problems_along(plain, *trajectories, n=3, steps=5)
    assert len(problems) == 3 and distances(plain, problems.starts, problems.goals) == {}
    assert list(distances(measured, problems.starts, problems.goals)) == ["full"]


def test_wrapped_actions_are_those_of_the_wrapper():
    scaled = pendulum(lambda: RescaleAction(gym.make("Pendulum-v1"), np.float32(-1), np.float32(1)))
    start, asked = np.array([[3.0, 0.0]]), np.full((1, T, 1), 5.0)
    np.testing.assert_array_equal(scaled.simulate(start, asked), pendulum().simulate(start, asked))
    assert scaled.executed(asked).max() == 1


# --- What is refused


class Noisy(PendulumEnv):
    """Wind that no state knows of."""

    def step(self, u):
        self.state = self.state + np.array([0.0, self.np_random.normal()])
        return super().step(u)


class Counting(PendulumEnv):
    """Torque that fades over time since the reset, which the state does not hold."""

    def reset(self, **options):
        self.steps = 0
        return super().reset(**options)

    def step(self, u):
        self.steps += 1
        return super().step(u / self.steps)


@pytest.mark.parametrize("env", [Noisy, Counting])
def test_a_state_that_does_not_hold_all_is_noticed_and_replay_helps(env):
    with pytest.raises(LabError, match=f"{env.__name__}: the same action in the same state led to two different"):
        pendulum(env)
    environment = GymnasiumEnvironment(env, replay=T)
    states, actions = environment.collect(np.random.default_rng(0), 2, T)
    np.testing.assert_array_equal(environment.simulate(states[:, 5], actions[:, 5:]), states[:, 5:])
    seen = native(env(), int(states[0, 0, 0]), actions[0])
    np.testing.assert_array_equal(environment.observe(states[0]), seen)


def refused() -> dict[str, tuple]:
    plain = pendulum()
    start = np.zeros((1, 2))
    replayed = GymnasiumEnvironment("Pendulum-v1", replay=3)
    histories, _ = replayed.collect(np.random.default_rng(0), 1, 3)
    return {
        "Pendulum-v1: its state cannot be set, .* replay=STEPS": (GymnasiumEnvironment, "Pendulum-v1"),
        "CartPole-v1: plans are numbers, so that actions must be a Box": (pendulum, "CartPole-v1"),
        "Gymnasium cannot make 'Pendulum-v99'": (pendulum, "Pendulum-v99"),
        "get_state and set_state go together": (lambda: GymnasiumEnvironment("Pendulum-v1", get_state=read),),
        "its functions must stand in a module": (
            lambda: GymnasiumEnvironment(lambda: gym.make("Pendulum-v1"), replay=3, slow=True),
        ),
        "leave the Autoreset wrapper out": (pendulum, lambda: Autoreset(gym.make("Pendulum-v1"))),
        "actions must be finite": (plain.simulate, start, np.full((1, 1, 1), np.nan)),
        r"states \(B, 2\) and actions \(B, T, 1\) .* got \(1, 2\) and \(1, 3\)": (
            plain.simulate,
            start,
            np.zeros((1, 3)),
        ),
        r"got \(1, 2\) and \(2, 3, 1\)": (plain.simulate, start, np.zeros((2, 3, 1))),
        'made with render_mode="rgb_array"': (plain.pictures, start),
        "cannot observe a set state": (pendulum("MountainCarContinuous-v0").observe, start),
        "at most 3 steps was asked for one more": (replayed.simulate, histories[:, -1], np.zeros((1, 1, 1))),
        r"or from a function that returns it such as lambda: env, got <TimeLimit": (pendulum, gym.make("Pendulum-v1")),
        "such as lambda: env, got <function": (pendulum, lambda: None),
        r"expected states \(\.\.\., 2\), got shape \(1, 3\)": (plain.observe, np.zeros((1, 3))),
        r"expected states \(\.\.\., 2\), got shape \(\)": (plain.observe, 0.0),
        r"expected states \(\.\.\., 2\), got str": (plain.observe, "here"),
        r"expected states \(\.\.\., 2\), got shape \(1, 1\)": (plain.pictures, np.zeros((1, 1))),
        r"expected states \(\.\.\., 2\), got shape \(3,\)": (pendulum(observe=np.cos).observe, np.zeros(3)),
        "give a seed alone": (lambda: replayed.env.reset(options={"x_init": 1.0}),),
    }


@pytest.mark.parametrize("message", list(refused()))
def test_what_cannot_be_done_is_told_in_a_sentence(message):
    function, *arguments = refused()[message]
    with pytest.raises(LabError, match=message):
        function(*arguments)


@pytest.mark.parametrize("replay", [-1, 0, 1.5, True, "3", np.nan])
def test_a_replay_of_no_number_of_steps_is_refused(replay):
    with pytest.raises(LabError, match=r"a whole number of steps from 1, the longest episode's, got "):
        GymnasiumEnvironment("Pendulum-v1", replay=replay)


@pytest.mark.parametrize("state", [None, 0.5, np.zeros((2, 1)), np.zeros(0), "up", [[1.0], [1.0, 2.0]]])
def test_a_state_that_is_none_is_refused(state):
    with pytest.raises(LabError, match=r"^Pendulum-v1: get_state should return a state \(S,\), got "):
        GymnasiumEnvironment("Pendulum-v1", get_state=lambda env: state, set_state=write)


@pytest.mark.parametrize("action", [[np.nan], [np.inf], np.zeros(2), np.zeros(0), None, "left", [[0.0], [0.0, 1.0]]])
@pytest.mark.parametrize("name", ["Pendulum, functions", "Pendulum, replay"])
def test_a_policy_that_returns_no_action_is_refused(name, action):
    with pytest.raises(LabError, match=r"^Pendulum-v1: a policy returns an action \(1,\) of finite numbers, got "):
        ENVIRONMENTS[name]().collect(np.random.default_rng(0), 1, 3, lambda seen, rng: action)


@pytest.mark.parametrize("action", [0.5, [0.5], [[0.5]], np.full(1, 0.5, np.float32), 9, np.array([9])])
def test_a_policy_may_return_any_array_of_an_action(action):
    _, actions = pendulum().collect(np.random.default_rng(0), 1, 3, lambda seen, rng: action)
    assert (actions == min(2, np.ravel(action)[0])).all()


@pytest.mark.parametrize("counts", [(0, 5), (2, -1), (1.5, 3), (2, 1.5), (True, 3), ("2", 3), (None, 3)])
def test_no_episode_is_refused(counts):
    with pytest.raises(LabError, match=r"^Pendulum-v1: collect needs n >= 1 episodes of whole steps >= 0, got "):
        pendulum().collect(np.random.default_rng(0), *counts)


def test_an_episode_may_be_a_start_alone_and_states_a_list():
    states, actions = pendulum().collect(np.random.default_rng(0), 2, 0)
    assert states.shape == (2, 1, 2) and actions.shape == (2, 0, 1)
    np.testing.assert_array_equal(pendulum().observe(states.tolist()), pendulum().observe(states))
