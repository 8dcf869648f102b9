"""Heavy computations take turns on the server: whoever's page needs none is answered meanwhile.

Nothing heavy is computed without a turn, and nobody waits for a turn while holding the lock of a cache: so a cached
function that calls a heavy one has to be heavy itself.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import streamlit as st

P, T = ParamSpec("P"), TypeVar("T")
AT_ONCE = 2


class Turns:
    """Up to ``at_once`` threads at a time, first come, first served; a thread that has a turn gets further ones."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._queue: deque[object] = deque()  # those with a turn come first
        self._changed = threading.Condition()
        self._held = threading.local()

    @property
    def held(self) -> bool:
        """Whether this thread has a turn."""
        return getattr(self._held, "one", False)

    @contextmanager
    def turn(self, tell: Callable[[int], None] = lambda _: None) -> Iterator[None]:
        """Wait for a turn; ``tell`` is told again and again how many are before."""
        if self.held:
            yield
            return
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
        try:
            while before := self._before(ticket):
                tell(before)
            self._held.one = True
            yield
        finally:
            self._held.one = False
            with self._changed:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _before(self, ticket: object, seconds: float = 0.5) -> int:
        """How many are to end before the ticket's turn, after waiting a little; 0: it is its turn."""
        with self._changed:
            place = self._queue.index(ticket) + 1 - self.at_once
            if place > 0:
                self._changed.wait(seconds)
                place = self._queue.index(ticket) + 1 - self.at_once
            return max(place, 0)


TURNS = Turns(AT_ONCE)


class _NotKept(Exception):
    """The cache does not hold the value, and this thread has no turn to compute it."""


def heavy(max_entries: int, spinner: str | bool = False) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """As `streamlit.cache_data` for a function that computes for long: what the cache lacks waits for a turn."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def compute(*args: P.args, **options: P.kwargs) -> T:
            if not TURNS.held:
                raise _NotKept
            return function(*args, **options)

        cached: Any = st.cache_data(max_entries=max_entries, show_spinner=spinner)(compute)

        @wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> T:
            with suppress(_NotKept):
                return cached(*args, **options)
            with TURNS.turn(_teller()):
                return cached(*args, **options)

        return call

    return decorate


def _teller() -> Callable[[int], None]:
    """Shows on the page how many are before it."""
    slots: list[Any] = []

    def tell(before: int) -> None:
        if not slots:
            slots.append(st.empty())
        slots[0].caption(f"The server computes for others first: {before} before you …")

    return tell
