"""Every task by its name, loaded when it is first asked for, and known to Gymnasium from the start.

The class of a built-in task stands in the file of its name in this folder.
"""

from pathlib import Path

import gymnasium as gym

from lab.errors import LabError, check_known
from lab.registry import Registry, classes_in, is_concrete
from lab.tasks.task import Task, env_id

#: the classes by name
TASKS: Registry[type[Task]] = Registry("wm_lab.tasks", classes_in(Path(__file__).parent, "lab.tasks", "name"))


def make_task(name: str) -> Task:
    """The task called ``name``; raises LabError naming the known ones otherwise."""
    check_known("task", name, TASKS)
    task = TASKS[name]
    if not is_concrete(task, Task, "name") or task.name != name:
        expected = "a subclass of lab.tasks.Task of that name, with all of its methods"
        raise LabError(f"The plugin called '{name}' must be {expected}, got {task!r}.")
    return task()


def register(task: type[Task]) -> None:
    """Make ``task`` known by its name, and to Gymnasium.

    Raises LabError for what is no task, and for the name of one that is built in.
    """
    if not is_concrete(task, Task, "name"):
        expected = "a subclass of lab.tasks.Task with a name and all of its methods"
        raise LabError(f"A task is registered as {expected}, got {task!r:.80}.")
    if task.name in TASKS.built_in:
        raise LabError(f"There is a task '{task.name}' already: give yours another name.")
    TASKS.registered[task.name] = task
    tell_gymnasium(task.name)


def tell_gymnasium(name: str) -> None:
    """Make the task called ``name`` known to Gymnasium."""
    if env_id(name) not in gym.registry:
        gym.register(env_id(name), entry_point="lab.tasks.env:TaskEnv", kwargs={"task": name}, max_episode_steps=300)
