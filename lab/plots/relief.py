"""Loss landscapes as plain data for a browser: a panel for each model, all with the same plane, scale and camera.

Everything is ready for JSON; the component (``app/components/relief.js``) only draws. Heights and colours follow the
square root of the loss, which separates low losses. Apart from proprioception it is the distance of latents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.colors import to_hex

from lab.evaluation.episode import Attempt
from lab.evaluation.plane import Plane
from lab.evaluation.slices import Slice
from lab.plots.palette import LABELS, LOSSES, MODEL_COLOURS, PLANNER_COLOURS

SHADES = 64


@dataclass(frozen=True)
class Panel:
    """One model on the plane: its slice, and the attempts of its planners that are already computed."""

    model: str
    loss_slice: Slice  #: of one problem
    paths: Mapping[str, Attempt]  #: by planner


def relief_data(plane: Plane, panels: Sequence[Panel], marks: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """The data that the component draws; ``marks`` are named points (u, v) of the plane."""
    return {
        "axis": np.round(panels[0].loss_slice.axis, 4).tolist(),
        "colours": [to_hex(colour) for colour in mpl.colormaps[LOSSES](np.linspace(0, 1, SHADES))],
        "range": [_short(extreme([panel.loss_slice.loss[0] for panel in panels])) for extreme in (np.min, np.max)],
        "marks": [{"name": name, "at": [round(float(x), 3) for x in at]} for name, at in marks.items()],
        "panels": [_panel(plane, panel) for panel in panels],
    }


def _panel(plane: Plane, panel: Panel) -> dict[str, Any]:
    return {
        "model": panel.model,
        "title": LABELS[panel.model],
        "colour": MODEL_COLOURS[panel.model],
        "loss": [[_short(x) for x in row] for row in panel.loss_slice.loss[0]],
        "paths": [_path(plane, name, attempt) for name, attempt in panel.paths.items()],
    }


def _path(plane: Plane, planner: str, attempt: Attempt) -> dict[str, Any]:
    """A planner's path, projected on the plane. Its losses are those of the path itself, which leaves the plane."""
    blocks = torch.as_tensor(attempt.blocks).to(plane.centre)
    return {
        "name": LABELS[planner],
        "colour": PLANNER_COLOURS[planner],
        "points": np.round(plane.project(blocks), 3).tolist(),
        "iterations": attempt.iterations.tolist(),
        "loss": [_short(attempt.loss[min(i, len(attempt.loss) - 1)]) for i in attempt.iterations],
        "explained": round(plane.explained_variance(blocks), 4),
    }


def _short(value: float) -> float:
    return float(f"{value:.4g}")
