from .environment import Environment
from .gymnasium_adapter import GymnasiumEnvironment
from .registry import TASKS, make_task, register
from .task import Task

__all__ = ["TASKS", "Environment", "GymnasiumEnvironment", "Task", "make_task", "register"]
