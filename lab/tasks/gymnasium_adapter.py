"""Any Gymnasium environment whose state can be set, as an `Environment` to plan, finetune and evaluate in.

Dimensions: ``B`` problems, ``T`` environment steps, ``S`` numbers of a state, ``a`` numbers of an action.
"""

import pickle
from collections.abc import Callable
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np

from lab.errors import LabError, is_whole
from lab.tasks import workers
from lab.tasks.environment import Floats, described, numbers
from lab.tasks.gymnasium_states import Replay, StateAccess, as_array, find_access, observation, wrappers

#: (observation as the environment returns it, generator) to an action (a,)
Policy = Callable[[Any, np.random.Generator], np.ndarray]


class GymnasiumEnvironment:
    """A Gymnasium environment as a batched simulator (Towers et al. 2024, "Gymnasium").

    The state is read and set by the first of these that applies:

    - the functions ``get_state(env)``, which returns a state (S,), and ``set_state(env, state)``;
    - ``replay``, the number of steps of the longest episode: a state is then the seed and the actions that lead to it
      (see `Replay`). This works for every deterministic environment; to set a state takes as many steps as led to it;
    - the methods ``get_state()`` and ``set_state(state)`` of the environment or of one of its wrappers;
    - MuJoCo's state: qpos, qvel, and everything else that the next step depends on.

    The simulation ignores the flags terminated and truncated, and an environment made from an id has no `TimeLimit`: a
    plan of T steps takes T steps.
    """

    def __init__(
        self,
        make: str | Callable[[], gym.Env],
        *,
        get_state: Callable[[gym.Env], Floats] | None = None,
        set_state: Callable[[gym.Env, Floats], None] | None = None,
        replay: int | None = None,
        observe: Callable[[Floats], Any] | None = None,
        distance: Callable[[Floats, Floats], Floats] | None = None,
        slow: bool = False,
    ) -> None:
        """``make`` is a Gymnasium id, or a function that returns the environment.

        ``observe`` maps states (..., S) to the world model's observations; the default is the environment's own
        observation. ``distance`` maps states (B, S) and goals (B, S) to distances (B,); below 1 is success. It becomes
        the method of this name; without it, the environment has no such method.
        ``slow`` distributes the problems of a batch over processes with one environment each. This pays off if a step
        takes a tenth of a millisecond or more, and changes no number.

        Raises LabError for a ``make`` that makes no environment, for a ``replay`` that is no number of steps, if the
        state cannot be set or is no array (S,), if the same action in the same state leads to two different steps, if
        actions are not in a `Box`, and if ``slow`` comes with functions that another process cannot import.
        """
        self.env = _make_env(make)
        self.name = self.env.spec.id if self.env.spec else type(self.env.unwrapped).__name__
        if not isinstance(self.env.action_space, gym.spaces.Box):
            raise LabError(
                f"{self.name}: plans are numbers, so that actions must be a Box, got {self.env.action_space}."
            )
        if (get_state is None) != (set_state is None):
            raise LabError(f"{self.name}: get_state and set_state go together, got one of them.")
        if replay is not None:
            self.env = Replay(self.env, replay)
        pair = get_state and set_state and StateAccess(get_state, set_state)
        self._access = pair or find_access(self.env, self.name)
        self._observe = observe
        if distance:  # otherwise the method is missing, which `lab.tasks.environment.distances` checks
            self.distance = distance
        self._check_access()
        self._recipe, self._slow = (make, get_state, set_state, replay), slow
        if slow and not _importable(self._recipe):
            raise LabError(f"{self.name}: with slow=True, its functions must stand in a module, for workers to import.")

    def __reduce__(self) -> tuple[Callable[..., "GymnasiumEnvironment"], tuple]:
        """For workers: the simulator, without ``observe`` and ``distance``."""
        return _in_worker, self._recipe

    @property
    def action_space(self) -> gym.spaces.Box:
        """The box of valid actions."""
        assert isinstance(self.env.action_space, gym.spaces.Box)
        return self.env.action_space

    @property
    def action_dim(self) -> int:
        """How many numbers an action has (a)."""
        return int(np.prod(self.action_space.shape))

    def executed(self, actions: Floats) -> Floats:
        """``actions`` (..., a) as they are executed: clipped to the box, in its precision."""
        box = self.action_space
        return np.clip(actions, box.low.ravel(), box.high.ravel()).astype(box.dtype).astype(np.float64)

    def simulate(self, starts: Floats, actions: Floats) -> Floats:
        """The states (B, T + 1, S) from ``starts`` (B, S) under ``actions`` (B, T, a), starts included.

        Raises LabError if shapes do not match, or an action is not finite.
        """
        starts, actions = np.asarray(starts, dtype=np.float64), np.asarray(actions, dtype=np.float64)
        self._check_shapes(starts, actions)
        actions = self.executed(actions)
        return workers.share_out(self, starts, actions) if self._slow else self.alone(starts, actions)

    def alone(self, states: Floats, actions: Floats) -> Floats:
        """`simulate` in this process, without checks and clipping."""
        return np.stack([self._simulate_one(start, steps) for start, steps in zip(states, actions, strict=True)])

    def observe(self, states: Floats) -> Any:
        """The world model's observations of ``states`` (..., S).

        The environment's own observations are arrays (..., *shape); those of a space that is no `Box` are flattened to
        (..., O). They are computed from the state. When MuJoCo's environments step, they report some quantities from
        before the last integration, which may differ a little. Raises LabError for other numbers than a state has, and
        if the environment cannot observe a state that was set.
        """
        states = self._checked(states)
        if self._observe:
            return self._observe(states)
        return self._in_each(states, lambda: observation(self.env, self.name))

    def pictures(self, states: Floats) -> np.ndarray:
        """The environment's pictures (..., height, width, 3) uint8 of ``states`` (..., S).

        Raises LabError for other numbers than a state has, and if it was made without ``render_mode="rgb_array"``.
        """
        states = self._checked(states)
        if self.env.render_mode != "rgb_array":
            raise LabError(f'{self.name}: to draw, it must be made with render_mode="rgb_array".')
        return self._in_each(states, lambda: np.asarray(self.env.render()))

    def collect(
        self, rng: np.random.Generator, n: int, steps: int, policy: Policy | None = None
    ) -> tuple[Floats, Floats]:
        """``n`` episodes of a ``policy`` or of random actions: states (n, steps + 1, S) and actions (n, steps, a).

        Each begins at a reset. The returned actions are the executed ones. Random actions are samples of the action
        space: uniform within bounds, normal without. Raises LabError unless ``n`` is a whole number from 1 and
        ``steps`` one from 0, and for a policy that returns anything but an action of finite numbers.
        """
        if not is_whole(n, 1) or not is_whole(steps, 0):
            raise LabError(f"{self.name}: collect needs n >= 1 episodes of whole steps >= 0, got {n!r} of {steps!r}.")
        episodes = [self._episode(rng, steps, policy) for _ in range(n)]
        states, actions = zip(*episodes, strict=True)
        return np.stack(states), np.stack(actions)

    def _checked(self, states: Any) -> Floats:
        """``states`` (..., S) as an array; raises LabError for another number than S."""
        array = numbers(states)
        if array is None or array.shape[-1:] != (self.state_dim,):
            raise LabError(f"{self.name}: expected states (..., {self.state_dim}), got {described(states)}.")
        return array

    def _check_shapes(self, starts: Floats, actions: Floats) -> None:
        """Raises LabError unless starts and actions have this environment's shapes, and actions are finite."""
        expected = (len(starts), self.state_dim), (len(starts), *actions.shape[1:2], self.action_dim)
        if (starts.shape, actions.shape) != expected:
            raise LabError(
                f"{self.name}: expected states (B, {self.state_dim}) and actions (B, T, {self.action_dim}) of the same "
                f"B problems, got {starts.shape} and {actions.shape}."
            )
        if not np.isfinite(actions).all():
            raise LabError(f"{self.name}: actions must be finite numbers, got NaN or infinity.")

    def _episode(self, rng: np.random.Generator, steps: int, policy: Policy | None) -> tuple[Floats, Floats]:
        seed = int(rng.integers(2**31))
        seen, _ = self.env.reset(seed=seed)
        self.action_space.seed(seed)
        states, actions = [self._state()], np.empty((steps, self.action_dim))
        for t in range(steps):
            action = self.action_space.sample() if policy is None else policy(seen, rng)
            actions[t] = self.executed(self._flat_action(action))
            seen = self._step(actions[t])
            states.append(self._state())
        return np.stack(states), actions

    def _flat_action(self, action: Any) -> Floats:
        """The ``action`` of a policy as (a,); raises LabError for what is none."""
        array, size = numbers(action), self.action_dim
        if array is None or array.size != size or not np.isfinite(array).all():
            raise LabError(f"{self.name}: a policy returns an action ({size},) of finite numbers, got {action!r}.")
        return array.ravel()

    def _simulate_one(self, start: Floats, actions: Floats) -> Floats:
        self._access.write(self.env, np.array(start))
        states = [start]
        for action in actions:
            self._step(action)
            states.append(self._state())
        return np.stack(states)

    def _step(self, action: Floats) -> Any:
        """Execute ``action`` (a,), and return the observation, even if the episode has ended."""
        return self.env.step(action.reshape(self.action_space.shape).astype(self.action_space.dtype))[0]

    def _state(self) -> Floats:
        return np.array(self._access.read(self.env), dtype=np.float64)  # a copy: some environments write in place

    def _in_each(self, states: Floats, look: Callable[[], np.ndarray]) -> np.ndarray:
        """The results (..., *shape) of ``look``, called in each of ``states`` (..., S)."""
        seen = []
        for state in states.reshape(-1, states.shape[-1]):
            self._access.write(self.env, np.array(state))
            seen.append(look())
        return np.stack(seen).reshape(*states.shape[:-1], *seen[0].shape)

    def _after(self, action: Floats) -> np.ndarray:
        """The state after ``action`` (a,), or for a replay the observation, by which two steps are compared.

        A replay's states are always equal. Observations of other environments may show a goal outside the state.
        """
        seen = self._step(action)
        return as_array(self.env.observation_space, seen) if isinstance(self.env, Replay) else self._state()

    def _check_access(self) -> None:
        """Raises LabError if the same step, taken twice from the same state, ends in two states."""
        self.env.reset(seed=0)
        self.action_space.seed(0)
        first, second = (self.executed(np.ravel(self.action_space.sample())) for _ in range(2))
        self._step(first)
        found = numbers(read := self._access.read(self.env))
        if found is None or found.ndim != 1 or not found.size:
            raise LabError(f"{self.name}: get_state should return a state (S,), got {described(read)}.")
        state = self._state()
        self.state_dim = len(state)  #: S
        expected = self._after(second)
        self.env.reset(seed=1)
        self._access.write(self.env, np.array(state))
        if not np.array_equal(expected, self._after(second)):
            raise LabError(
                f"{self.name}: the same action in the same state led to two different steps. Either chance decides, "
                "or the state does not hold all that the next step depends on."
            )


@cache
def _in_worker(make: Any, get_state: Any, set_state: Any, replay: int | None) -> GymnasiumEnvironment:
    """The environment of a worker process, created once."""
    return GymnasiumEnvironment(make, get_state=get_state, set_state=set_state, replay=replay)


def _importable(recipe: tuple) -> bool:
    """Whether another process can import the functions of ``recipe``."""
    try:
        pickle.dumps(recipe)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return not any(getattr(part, "__module__", None) == "__main__" for part in recipe)


def _make_env(make: str | Callable[[], gym.Env]) -> gym.Env:
    """The environment; one made from an id has no time limit.

    Raises LabError for what makes no environment, and for one that resets itself.
    """
    if isinstance(make, str):
        try:
            env = gym.make(make, max_episode_steps=-1, disable_env_checker=True)
        except gym.error.Error as error:
            raise LabError(f"Gymnasium cannot make '{make}': {error}") from error
    elif not callable(make) or not isinstance(env := make(), gym.Env):
        raise LabError(
            f"A Gymnasium environment comes from an id, or from a function that returns it such as lambda: env, got "
            f"{make!r}."
        )
    if any(isinstance(wrapper, gym.wrappers.Autoreset) for wrapper in wrappers(env)):
        raise LabError("An environment that resets itself cannot be simulated: leave the Autoreset wrapper out.")
    return env
