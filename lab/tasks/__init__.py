"""The simulators: batched ground truth, renderer, data policy and success criterion of each task.

A task of your own becomes known by `register`, to the running program alone, or by an entry point of the group
``wm_lab.tasks`` (its name = its class), to everything: commands, notebooks, worker processes and the app.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
