"""``python -m lab.repro.tethered MODULE ARGUMENTS``: run MODULE for as long as whoever started it lives.

The starter holds the other end of the standard input. When that is closed, also because the starter was killed by
``kill -9``, this process ends, and with it everything it has started (the kernel of a notebook among it).
"""

import os
import runpy
import sys
import threading
from contextlib import suppress

import psutil


def _end_with_starter() -> None:
    while os.read(0, 4096):
        pass
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_starter, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
