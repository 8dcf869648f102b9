"""The simulators: batched ground truth, renderer, data policy and success criterion of each task.

A task of your own becomes known by `register`, to the running program alone, or by an entry point of the group
``wm_lab.tasks`` (its name = its class), to everything: commands, notebooks, worker processes and the app.
"""

import gymnasium as gym

from lab.errors import LabError
from lab.registry import Registry
from lab.tasks.granular import Granular
from lab.tasks.point_maze import PointMaze
from lab.tasks.push_t import PushT
from lab.tasks.rope import Rope
from lab.tasks.task import Task, env_id
from lab.tasks.wall import Wall

#: the classes by name
TASKS: Registry[type[Task]] = Registry(
    "wm_lab.tasks", {task.name: task for task in (PushT, PointMaze, Wall, Rope, Granular)}
)


def make_task(name: str) -> Task:
    """The task called ``name``; raises LabError naming the known ones otherwise."""
    if name not in TASKS:
        raise LabError(f"Unknown task '{name}': choose one of {', '.join(TASKS)}.")
    task = TASKS[name]
    if not (isinstance(task, type) and issubclass(task, Task) and task.name == name):
        raise LabError(f"The plugin called '{name}' must be a subclass of lab.tasks.Task of that name, got {task!r}.")
    return task()


def register(task: type[Task]) -> None:
    """Make ``task`` known by its name, and to Gymnasium; raises LabError for the name of one that is built in."""
    if task.name in TASKS.built_in:
        raise LabError(f"There is a task '{task.name}' already: give yours another name.")
    TASKS.registered[task.name] = task
    _tell_gymnasium(task.name)


def _tell_gymnasium(name: str) -> None:
    if env_id(name) not in gym.registry:
        gym.register(env_id(name), entry_point="lab.tasks.env:TaskEnv", kwargs={"task": name}, max_episode_steps=300)


for _name in TASKS:
    _tell_gymnasium(_name)

__all__ = ["TASKS", "Task", "make_task", "register"]
