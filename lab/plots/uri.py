"""Pictures inside a page."""

import base64
import io

import numpy as np
from PIL import Image


def png_uri(frame: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 as a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
