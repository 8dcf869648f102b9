from .registry import TASKS, make_task, register
from .task import Task

__all__ = ["TASKS", "Task", "make_task", "register"]
