"""A lab for gradient-based planning through world models (arXiv 2512.09929)."""

from lab import program

if program.loads():  # from here on, it takes half a second
    program.stop_while_loading()

from lab.tasks.registry import TASKS, tell_gymnasium

__version__ = "0.2.0.dev0"

for _name in TASKS:
    tell_gymnasium(_name)
