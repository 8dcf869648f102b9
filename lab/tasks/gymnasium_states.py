"""One Gymnasium environment: three ways to put it into a state, and what it observes there."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from lab.errors import LabError
from lab.tasks.environment import Floats


class StateAccess(NamedTuple):
    """How the state of an environment is read and set."""

    read: Callable[[gym.Env], Floats]  #: the state (S,) in which the environment stands
    write: Callable[[gym.Env, Floats], None]  #: puts the environment into a state (S,)


def find_access(env: gym.Env, name: str) -> StateAccess:
    """The environment's own ``get_state`` and ``set_state`` methods, or MuJoCo's state.

    Raises LabError where ``env`` has neither.
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
    """All that MuJoCo's next step depends on: qpos, qvel, then the rest (time, activations, warm start, mocap, ...)."""
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
        mujoco.mj_forward(model, data)  # what is observed or drawn is computed from the state

    return StateAccess(read, write)


class Replay(gym.Wrapper):
    """An environment that can only be reset: its state (S,) is the way to it.

    That is the seed of the reset, the number of steps since, and their actions, filled up with zeros to ``longest``
    steps. To set a state is to reset and to take these steps again; where the environment stands on the way to the
    state already, only the steps that are left are taken.
    """

    def __init__(self, env: gym.Env, longest: int) -> None:
        super().__init__(env)
        self.longest = longest
        self.observation: Any = None  #: what the last reset or step returned

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Reset, with a seed that is drawn if none is given. Raises LabError on options, which no state holds."""
        if options:
            raise LabError(f"A replay begins at a plain reset, but got the options {options}: give a seed alone.")
        seed = int(self.np_random.integers(2**31)) if seed is None else seed
        self._state = np.zeros(2 + self.longest * int(np.prod(self.action_space.shape or ())))
        self._state[0] = seed
        self.observation, info = super().reset(seed=seed)
        return self.observation, info

    def step(self, action):
        """One step, remembered. Raises LabError beyond ``longest`` steps."""
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
        """The state (S,) in which the environment stands."""
        return self._state.copy()

    def set_state(self, state: Floats) -> None:
        """Go to ``state`` (S,)."""
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
    """What ``env`` observes in the state in which it stands, passed through its wrappers.

    Raises LabError where it has no method ``_get_obs``, by which Gymnasium's own environments tell.
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
    """An observation of a `Box` as it is, of any other space flattened to (O,)."""
    if isinstance(space, gym.spaces.Box):
        return np.array(observation)
    return np.asarray(gym.spaces.flatten(space, observation))
