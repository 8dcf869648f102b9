"""What `lab.models.encoders.straight` is compared with: the same encoder, fitted without the term for curvature."""

from typing import ClassVar

from lab.models.encoders.straight import Straight


class Curved(Straight):
    """`Straight` with lambda 0."""

    kind = "curved"
    weight: ClassVar[float] = 0.0
