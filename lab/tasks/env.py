"""Every task as a Gymnasium environment: reset draws a start and a goal, step is the task's own physics."""

from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from lab.errors import LabError, check_known
from lab.tasks.doors import check_size
from lab.tasks.environment import numbers
from lab.tasks.task import Floats, Task


class TaskEnv(gym.Env[dict[str, np.ndarray], np.ndarray]):
    """Observations are a picture of the state, the proprioception, and a picture of the goal.

    ``reset(options={"state": ..., "goal": ...})`` sets a problem; without it a random one is drawn. With the option
    ``variation``, such as ``{"hue": 90}``, the task has other values of its ``factors`` until the next reset. The
    reward is minus the distance to the goal in success radii; an episode terminates once that is below 1. Raises
    LabError for unknown options, factors and render modes, for states and actions that are none of the task's, for
    states too far out to be drawn, and for a step before the first reset.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}  # type: ignore[misc]

    def __init__(self, task: str, render_mode: str | None = None, size: int = 64) -> None:
        from lab.tasks import make_task

        self.usual: Task = make_task(task)
        self.task = self.usual
        check_size(size)
        if render_mode is not None:
            check_known("render mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self.size = size
        image = gym.spaces.Box(0, 255, (size, size, 3), np.uint8)
        low, high = (self.task.proprio(np.array(b)) for b in (self.task.state_low, self.task.state_high))
        self.observation_space = gym.spaces.Dict(  # type: ignore[assignment]
            image=image, goal=image, proprio=gym.spaces.Box(low, high, dtype=np.float64)
        )
        limit = self.task.action_limit
        self.action_space = gym.spaces.Box(-limit, limit, (self.task.action_dim,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        options = {} if options is None else options
        if not isinstance(options, Mapping):
            raise LabError(f"{self.usual.env_id}: options are a mapping such as {{'state': ...}}, got {options!r}.")
        for name in options:
            check_known("option", name, ("state", "goal", "variation"))
        self.task = self.usual.varied(options.get("variation", {}))
        starts, goals = self.task.sample_problems(self.np_random, 1)
        problem = {"state": starts[0], "goal": goals[0]} | dict(options)
        size = len(self.task.state_fields)
        self.state, self.goal = (self._checked(f"option {name}", problem[name], size) for name in ("state", "goal"))
        return self._observation(), self._info()

    def _checked(self, name: str, value: Any, size: int) -> Floats:
        """``value`` as an array (size,); raises LabError unless it is as many finite numbers."""
        array = numbers(value)
        if array is None or array.shape != (size,) or not np.isfinite(array).all():
            raise LabError(f"{self.task.env_id}: the {name} must be {size} finite numbers, got {value!r}.")
        return array.astype(np.float64)

    def step(self, action: np.ndarray):
        if not hasattr(self, "state"):
            raise LabError(f"{self.task.env_id}: call reset before the first step.")
        action = self._checked("action", action, self.task.action_dim)
        self.state = self.task.simulate(self.state[None], action[None, None])[0, 1]
        info = self._info()
        return self._observation(), -info["distance"], info["success"], False, info

    def render(self) -> np.ndarray | None:
        return self.task.render(self.state[None], 224)[0] if self.render_mode == "rgb_array" else None

    def _observation(self) -> dict[str, np.ndarray]:
        image, goal = self.task.render(np.stack([self.state, self.goal]), self.size)
        return {"image": image, "goal": goal, "proprio": self.task.proprio(self.state)}

    def _info(self) -> dict[str, Any]:
        distance = float(self.task.distance(self.state[None], self.goal[None])[0])
        return {"state": self.state.copy(), "distance": distance, "success": distance < 1.0}
