"""How long a reproduction would take, by the number of workers, before anything runs."""

from collections import deque
from collections.abc import Sequence
from graphlib import TopologicalSorter
from heapq import heappop, heappush

from lab.repro.steps import Step

WORKERS = (1, 2, 8, 32, 128)


def makespan(steps: Sequence[Step], jobs: int) -> float:
    """Seconds from the first step's start to the last one's end, if ``jobs`` run at a time as `reproduce.run` has it.

    What is ready waits in line, the longest of what becomes ready together first; a step takes its estimated seconds.
    """
    seconds = {step.name: step.seconds for step in steps}
    order = TopologicalSorter({step.name: step.needs | step.after for step in steps})
    order.prepare()
    waiting: deque[str] = deque()
    running: list[tuple[float, str]] = []
    clock = 0.0
    while order.is_active():
        waiting.extend(sorted(order.get_ready(), key=lambda name: -seconds[name]))
        while waiting and len(running) < jobs:
            name = waiting.popleft()
            heappush(running, (clock + seconds[name], name))
        clock, ended = heappop(running)
        order.done(ended)
    return clock


def summary(steps: Sequence[Step]) -> str:
    """The work of ``steps`` in hours, and a line with the hours that each number of `WORKERS` would take for it."""
    trained = [step for step in steps if step.command[:2] == ("lab", "train")]
    hours = {
        "of work": sum(step.seconds for step in steps),
        "of training": sum(step.seconds for step in trained),
        "of steps that measure time, one by one": sum(step.seconds for step in steps if step.alone),
        "of the longest step": max(step.seconds for step in steps),
    }
    lines = [
        f"{len(steps)} steps, {len(trained)} of them trainings; by the shipped models' times and the studies' cards:"
    ]
    lines += [f"{seconds / 3600:8.1f} hours {what}" for what, seconds in hours.items()]
    lines += [f"{makespan(steps, jobs) / 3600:8.1f} hours with {jobs} at a time" for jobs in WORKERS]
    return "\n".join(lines)
