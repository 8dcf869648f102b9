"""A lab for gradient-based planning through world models (arXiv 2512.09929)."""

import lab.tasks  # noqa: F401  registers the tasks (lab/PushT-v0, …) with Gymnasium

__version__ = "0.2.0.dev0"
