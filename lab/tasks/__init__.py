"""The simulators: batched ground truth, renderer, data policy and success criterion of each task."""

import gymnasium as gym

from lab.errors import LabError
from lab.tasks.granular import Granular
from lab.tasks.point_maze import PointMaze
from lab.tasks.push_t import PushT
from lab.tasks.rope import Rope
from lab.tasks.task import Task
from lab.tasks.wall import Wall

TASKS: dict[str, type[Task]] = {task.name: task for task in (PushT, PointMaze, Wall, Rope, Granular)}


def make_task(name: str) -> Task:
    """The task called ``name``; raises LabError naming the known ones otherwise."""
    if name not in TASKS:
        raise LabError(f"Unknown task '{name}': choose one of {', '.join(TASKS)}.")
    return TASKS[name]()


for _task in TASKS.values():
    if _task.env_id not in gym.registry:
        gym.register(
            _task.env_id, entry_point="lab.tasks.env:TaskEnv", kwargs={"task": _task.name}, max_episode_steps=300
        )

__all__ = ["TASKS", "Task", "make_task"]
