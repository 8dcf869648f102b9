"""The measures of PushT in px (the authors' ``env/pusht``), which its physics, pictures, expert and importers share."""

from dataclasses import dataclass

import numpy as np

SIDE = 512.0  #: of the table's picture
REACH = 100.0  #: displacement of the pusher's target by one unit of action
PUSHER_RADIUS = 15.0
WALL_HALF_WIDTH = 2.0
WALL_LOW, WALL_HIGH = 5, 506  #: middle lines of the walls, along both axes
FLOOR = (WALL_LOW + WALL_HALF_WIDTH, WALL_HIGH - WALL_HALF_WIDTH)  #: between the faces of the walls


@dataclass(frozen=True)
class Box:
    """A part of the block, in the block's own frame: y down from the bar's outer side, x from the stem's middle."""

    half_width: int
    top: int
    bottom: int

    @property
    def middle(self) -> float:
        """The y of its centre."""
        return (self.top + self.bottom) / 2

    @property
    def half_height(self) -> float:
        return (self.bottom - self.top) / 2

    @property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """Its four corners (x, y): top left first, then clockwise on the screen."""
        left, right = -self.half_width, self.half_width
        return (left, self.top), (right, self.top), (right, self.bottom), (left, self.bottom)


BAR, STEM = Box(60, 0, 30), Box(15, 30, 120)  #: of the T
CENTRE = (0.0, 45.0)  #: of gravity, as theirs: halfway between the centres of bar and stem
BLOCK_RADIUS = 76.5  #: from the centre of gravity to the farthest corner, and a little more
_B, _S = BAR.corners, STEM.corners
#: the T's corners (8, 2), clockwise on the screen (y down), and those of its convex hull (6, 2)
OUTLINE = np.array([_B[0], _B[1], _B[2], _S[1], _S[2], _S[3], _S[0], _B[3]], dtype=np.float64)
HULL = np.array([_B[0], _B[1], _B[2], _S[2], _S[3], _B[3]], dtype=np.float64)
