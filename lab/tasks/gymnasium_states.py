"""Three ways to read and set the state of a Gymnasium environment, and its observation of a state that was set."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from lab.errors import LabError, is_whole
from lab.tasks.environment import Floats


class StateAccess(NamedTuple):
    """Two functions that read and set the state of an environment."""

    read: Callable[[gym.Env], Floats]  #: returns the current state (S,)
    write: Callable[[gym.Env, Floats], None]  #: sets the state (S,)


def find_access(env: gym.Env, name: str) -> StateAccess:
    """Access by the environment's own methods ``get_state`` and ``set_state``, or else to MuJoCo's state.

    Raises LabError if ``env`` has neither.
    """
    if env.has_wrapper_attr("get_state") and env.has_wrapper_attr("set_state"):
        get_state, set_state = env.get_wrapper_attr("get_state"), env.get_wrapper_attr("set_state")
        return StateAccess(lambda _: get_state(), lambda _, state: set_state(state))
    if hasattr(env.unwrapped, "model") and hasattr(getattr(env.unwrapped, "data", None), "qpos"):
        return _mujoco_access()
    raise LabError(
        f"{name}: its state cannot be set, because it has no methods get_state and set_state and is none of MuJoCo's. "
        "Pass get_state=... and set_state=..., two functions of the environment, or replay=STEPS, the longest episode."
    )


def _mujoco_access() -> StateAccess:
    """Everything that MuJoCo's next step depends on: qpos, qvel, then time, activations, warm start, mocap, ..."""
    import mujoco

    bits = mujoco.mjtState
    positions = int(bits.mjSTATE_QPOS) | int(bits.mjSTATE_QVEL)
    inputs = int(bits.mjSTATE_CTRL) | int(bits.mjSTATE_QFRC_APPLIED) | int(bits.mjSTATE_XFRC_APPLIED)
    parts = [positions, int(bits.mjSTATE_INTEGRATION) & ~positions & ~inputs]

    def read(env: gym.Env) -> Floats:
        model, data = env.unwrapped.model, env.unwrapped.data  # type: ignore[attr-defined]
        arrays = [np.empty(mujoco.mj_stateSize(model, part)) for part in parts]
        for array, part in zip(arrays, parts, strict=True):
            mujoco.mj_getState(model, data, array, part)
        return np.concatenate(arrays)

    def write(env: gym.Env, state: Floats) -> None:
        model, data = env.unwrapped.model, env.unwrapped.data  # type: ignore[attr-defined]
        sizes = [mujoco.mj_stateSize(model, part) for part in parts]
        for array, part in zip(np.split(state, np.cumsum(sizes)[:-1]), parts, strict=True):
            mujoco.mj_setState(model, data, array, part)
        mujoco.mj_forward(model, data)  # computes what observations and pictures need

    return StateAccess(read, write)


class Replay(gym.Wrapper):
    """An environment that can only be reset: its state (S,) is the path that leads to it.

    The path is the seed of the reset, the number of steps since, and their actions, padded with zeros to ``longest``
    steps. To set a state, the environment is reset and takes these steps again. If it is already on the path, it takes
    the remaining steps only. Raises LabError unless ``longest`` is a whole number from 1.
    """

    def __init__(self, env: gym.Env, longest: int) -> None:
        if not is_whole(longest, 1):
            raise LabError(f"A replay is of a whole number of steps from 1, the longest episode's, got {longest!r}.")
        super().__init__(env)
        self.longest = longest
        self.observation: Any = None  #: of the last reset or step

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Reset with ``seed``; without one, it is drawn. Raises LabError for options, because no state holds them."""
        if options:
            raise LabError(f"A replay begins at a plain reset, but got the options {options}: give a seed alone.")
        seed = int(self.np_random.integers(2**31)) if seed is None else seed
        self._state = np.zeros(2 + self.longest * int(np.prod(self.action_space.shape or ())))
        self._state[0] = seed
        self.observation, info = super().reset(seed=seed)
        return self.observation, info

    def step(self, action):
        """Take one step and record it in the state. Raises LabError after ``longest`` steps."""
        if self._steps_taken == self.longest:
            raise LabError(f"A replay of at most {self.longest} steps was asked for one more: make replay larger.")
        first = 2 + self._steps_taken * np.size(action)
        self._state[first : first + np.size(action)] = np.ravel(action)
        self._state[1] += 1
        self.observation, *rest = super().step(action)
        return self.observation, *rest

    @property
    def _steps_taken(self) -> int:
        return int(self._state[1])

    def get_state(self) -> Floats:
        """The current state (S,)."""
        return self._state.copy()

    def set_state(self, state: Floats) -> None:
        """Set the state (S,)."""
        actions = state[2:].reshape(self.longest, *self.action_space.shape).astype(self.action_space.dtype)  # type: ignore[misc]
        if not self._on_the_way_to(state):
            self.reset(seed=int(state[0]))
        for action in actions[self._steps_taken : int(state[1])]:
            self.step(action)

    def _on_the_way_to(self, state: Floats) -> bool:
        if self.observation is None or self._state[0] != state[0] or self._state[1] > state[1]:
            return False
        passed = 2 + self._steps_taken * int(np.prod(self.action_space.shape or ()))
        return np.array_equal(self._state[2:passed], state[2:passed])


def observation(env: gym.Env, name: str) -> np.ndarray:
    """The observation of ``env`` in its current state, passed through its wrappers, as an array.

    Raises LabError if ``env`` has no method ``_get_obs``, by which Gymnasium's own environments observe.
    """
    if isinstance(env, Replay):
        return as_array(env.observation_space, env.observation)
    if not hasattr(env.unwrapped, "_get_obs"):
        raise LabError(f"{name}: it cannot observe a set state. Pass observe=..., a function of states.")
    seen = env.unwrapped._get_obs()
    for wrapper in reversed(list(wrappers(env))):
        if isinstance(wrapper, gym.ObservationWrapper):
            seen = wrapper.observation(seen)
    return as_array(env.observation_space, seen)


def wrappers(env: gym.Env) -> Iterator[gym.Wrapper]:
    """The wrappers around an environment, the outermost first."""
    while isinstance(env, gym.Wrapper):
        yield env
        env = env.env


def as_array(space: gym.Space, observation: Any) -> np.ndarray:
    """``observation`` as an array: that of a `Box` as it is, that of any other space flattened to (O,)."""
    if isinstance(space, gym.spaces.Box):
        return np.array(observation)
    return np.asarray(gym.spaces.flatten(space, observation))
