"""Resources of this machine that the process may use. They decide no result; faces set them, see `lab.variables`."""

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Machine:
    """Defaults suit any machine."""

    processes: int | None = None  #: that simulate pushes, this one included; None: one for each core
    dino: Path | None = None  #: folder of the DINOv2 weights; None: the one that a model names, or the hub's cache


MACHINE = Machine()  #: this one
