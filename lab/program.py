"""The command line as a program: what it is called, and how it stops while it is still loading."""

import signal
import sys
from multiprocessing import parent_process
from pathlib import Path
from threading import current_thread, main_thread
from typing import NoReturn


def name() -> str:
    """How it was called: ``wm-lab`` or ``python -m lab``."""
    return "wm-lab" if Path(sys.argv[0]).stem == "wm-lab" else "python -m lab"


def loads() -> bool:
    """Whether this process is the command line, still loading; a child of one, or a thread, is none."""
    if not sys.argv or parent_process() or current_thread() is not main_thread():
        return False
    as_module = sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)] == "lab"  # until Python has found its file
    return as_module or name() == "wm-lab"


def stop_while_loading() -> None:
    """Let Ctrl-C and kill stop this process by one sentence, unless they are ignored. `lab.cli.main` takes over."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def stop(*_: object) -> NoReturn:
    """Stop what has not begun."""
    print(f"\n{name()}: stopped; run the same command again.", file=sys.stderr)
    sys.exit(130)
