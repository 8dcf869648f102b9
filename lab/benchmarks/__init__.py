"""One card for each task, with everything but its physics: goals, recipes, planner settings and scene.

A task without a card gets the default ``Card(task)``. Other packages add cards by entry points of the group
``wm_lab.cards`` (the task's name = a `Card`). A running program adds or replaces a card by `register`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
