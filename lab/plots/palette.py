"""One palette and one set of names for every figure, page and notebook.

The colours of models are colour-blind safe (after Okabe and Ito) and legible on dark and light pages. Loads without
torch and matplotlib.
"""

from collections.abc import Sequence

from lab.files import MODELS
from lab.planning.catalog import CATALOG
from lab.plots.words import AUTHORS_MODES, MODES
from lab.tasks import TASKS

MODEL_COLOURS = {
    "base": "#8C8C8C",
    "control": "#E69F00",
    "online": "#0090D0",
    "adversarial": "#D55E00",
    "none": "#BBBBBB",
}
OWN_COLOURS = ("#2FA08D", "#CC6677", "#8C6BB1", "#999933", "#B07AA1", "#5B8FF9")  #: of further models, in turn
PLANNER_COLOURS = {name: entry.colour for name, entry in CATALOG.items()}
PLANNER_MARKERS = {name: entry.marker for name, entry in CATALOG.items()}
#: plotly's names of matplotlib's markers
SYMBOLS = {
    "o": "circle", "v": "triangle-down", "^": "triangle-up", "<": "triangle-left", ">": "triangle-right",
    "s": "square", "p": "pentagon", "h": "hexagon", "H": "hexagon2", "8": "octagon", "D": "diamond",
    "d": "diamond-tall", "*": "star", "P": "cross", "X": "x", "+": "cross-thin-open", "x": "x-thin-open",
    "2": "y-up-open",
}  # fmt: skip
#: of everything but tasks, whose classes have their own; see `label`
LABELS = {
    "base": "Base", "control": "Control", "online": "Online", "adversarial": "Adversarial", "none": "No model",
} | MODES | AUTHORS_MODES | {name: entry.label for name, entry in CATALOG.items()}  # fmt: skip

KIND_COLOURS = {"ok": "#009E73", "stuck": "#DDCC77", "deceived": "#AA3377", "metric": "#66CCEE"}  #: of plans
#: of problems; each like the kind of plan that it mostly goes with
CAUSE_COLOURS = dict(
    zip(("ok", "search", "model", "cost", "unknown"), [*KIND_COLOURS.values(), "#BBBBBB"], strict=True)
)
SHARE_COLOURS = {"kind": KIND_COLOURS, "cause": CAUSE_COLOURS}  #: by the column of a table that names them
GREY = "#7F7F7F"
GRID = "rgba(128, 128, 128, 0.25)"
CLEAR = "rgba(0, 0, 0, 0)"
GOAL_COLOUR = "#009E73"
LOSSES = "viridis"  #: the scale of losses and shares
IMAGINED_COLOUR = "#A259C4"  #: of dotted imagined paths; true paths are solid, in the model's colour


def label(*names: str) -> str:
    """The labels of tasks, models, planners and modes, separated by commas."""
    return ", ".join(TASKS[name].label if name in TASKS else LABELS.get(name, name) for name in names)


def name_model(name: str, label: str) -> None:
    """Give a world model of one's own a ``label`` and a colour, which it keeps."""
    LABELS[name] = label
    MODEL_COLOURS.setdefault(name, OWN_COLOURS[len(MODEL_COLOURS) % len(OWN_COLOURS)])


def shown(values: Sequence[str], order: Sequence[str]) -> list[str]:
    """The names of ``order`` that are among ``values``."""
    present = set(values)
    return [name for name in order if name in present]


def shown_models(values: Sequence[str]) -> list[str]:
    """The world models among ``values``: the four in their order, then one's own as they come."""
    return [*shown(values, MODELS), *(name for name in dict.fromkeys(values) if name not in MODELS)]
