"""Saving a figure: PNG and PDF for print, and interactive HTML."""

import io
from pathlib import Path

import matplotlib as mpl
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lab.files import replacing
from lab.plots.style import STYLE

#: without dates and versions, so that equal results give equal files
METADATA = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}


def save_figures(printed: Figure, interactive: go.Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name`` as .png, .pdf and .html to ``folder``; returns their paths in this order."""
    paths = [folder / f"{name}.{suffix}" for suffix in ("png", "pdf", "html")]
    for path in paths[:2]:
        with replacing(path) as temporary:
            temporary.write_bytes(drawing(printed, path.suffix[1:]))
    with replacing(paths[2]) as temporary:
        interactive.write_html(temporary, include_plotlyjs="cdn", div_id=name)
    return paths


def drawing(printed: Figure, kind: str = "png") -> bytes:
    """The figure as the bytes of a PNG or PDF; equal figures give equal bytes."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        printed.savefig(buffer, format=kind, dpi=200, metadata=METADATA[kind])
    return buffer.getvalue()
