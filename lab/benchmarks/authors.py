"""How the authors plan, for the rows "as the authors" that stand beside ours.

The settings are those of their release: ``conf/plan_*.yaml``, ``planning/gd.py``, ``planning/cem.py`` and
``planning/objectives.py``. The loss is the weighted goal loss. Under MPC the horizon is fixed, and every replan takes
as many iterations as the first plan. The release ends MPC at success only; the ten replans are the paper's. Its loss
has one more factor, 1/6, which is left out here: it changes GD's steps alone.
"""

from typing import Any

from lab.planning import MPC, Settings
from lab.planning.mpc import OPEN_LOOP

_DESCENT = {
    "iterations": 300,
    "start": 1.0,
    "noise": 0.003,
    "bound": None,
    "restarts": 1,
    "candidates": 1,
    "cooling": 1.0,
}
SETTINGS = Settings(
    {
        "gd": {"lr": 1.0, **_DESCENT},
        "adam": {"lr": 0.3, **_DESCENT},
        "cem": {"samples": 300, "elites": 30, "iterations": 30, "std": 1.0, "bound": None},
    },
    proprio=1.0,
    decay=0.5,
)
PROPRIO = {"point_maze": 0.0}  #: weights of the proprioceptive distance that differ by task
MODES = {"authors_open": OPEN_LOOP, "authors_mpc": MPC(shrink=False)}
WORDS = (
    "As the authors plan: every imagined step counts, step i with the weight 0.5^i; GD (lr 1) and Adam (lr 0.3) take "
    "300 iterations from N(0, 1), CEM 30 of 300 samples and 30 elites; nothing bounds the actions."
)


def objective(task: str) -> dict[str, Any]:
    """The planning objective on ``task``, as options of `evaluate`."""
    return {"proprio": PROPRIO.get(task, SETTINGS.proprio), "decay": SETTINGS.decay}
