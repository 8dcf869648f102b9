"""Pictures as data URIs, to embed in a page."""

import base64
import io

import numpy as np
from PIL import Image


def png_uri(frame: np.ndarray) -> str:
    """``frame`` (H, W, 3) uint8 as the data URI of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
