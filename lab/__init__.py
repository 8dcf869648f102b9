"""A lab for gradient-based planning through world models (arXiv 2512.09929)."""

import lab.tasks  # noqa: F401  registers lab/PushT-v0, lab/PointMaze-v0 and lab/Wall-v0 with Gymnasium
