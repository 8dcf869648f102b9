"""One card a task, with all that is not physics: goals, recipes, planner settings, scene. All else loops over cards.

A task without a card of its own has the default ``Card(task)``. A package brings one by an entry point of the group
``wm_lab.cards`` (the task's name = a `Card`), and a running program by `register`, also in place of one that is here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
