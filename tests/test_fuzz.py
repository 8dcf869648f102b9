"""Whatever is damaged, mistyped or made up: one sentence or the same numbers; no traceback, no hang, no other number.

Each test has a short profile, and a long one for ``pytest -m slow tests/test_fuzz.py -s``, which prints its counts.
"""

import random
import shutil
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import damaged
from stores import STORES

from lab import cli
from lab.data import Problems
from lab.errors import LabError
from lab.models import ModelSpec
from lab.models.inspect import read_checkpoint
from lab.models.spec import read_spec
from lab.tasks import make_task

SECONDS = 10  #: of computing, after which an input counts as a hang


def profiles(short: int, long: int) -> pytest.MarkDecorator:
    """The test's argument ``profile``, in the two lengths."""
    quiet = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
    lengths = [
        pytest.param(settings(max_examples=short, derandomize=True, **quiet), id="short"),
        pytest.param(settings(max_examples=long, **quiet), id="long", marks=pytest.mark.slow),
    ]
    return pytest.mark.parametrize("profile", lengths)


class Hang(BaseException):
    """More computing than any of these inputs is worth."""


@contextmanager
def limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def outcome(call: Callable[[], object], expected: tuple[str, str] | None = None) -> str:
    """What became of an input: an error that is a sentence, or the numbers ``expected`` (see `Store`; None: any).

    After the warning that a manifest is not signed, which names the weights' hashes still, only the weights are sure.
    """
    try:
        with limited(), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", UserWarning)
            value = call()
    except LabError as error:
        assert "\n" not in str(error) and str(error).rstrip().endswith((".", "'"))
        return "refused"
    if any("names no SHA-256" in str(warning.message) for warning in warned):
        assert expected is not None and value[1] == expected[1], "other weights, with no more than a warning"
        return "warned"
    assert expected is None or value == expected, "another number, without a word"
    return "the same" if expected is not None else "accepted"


@pytest.mark.parametrize("name", STORES)
@profiles(6, 300)
def test_a_damaged_file_is_refused_or_made_anew(name, profile, tmp_path, empty_cache, capsys):
    store, kept, counts = STORES[name], tmp_path / "snapshot", Counter()
    work = tmp_path / "work"
    work.mkdir()
    store.make(work)
    start = shutil.copytree(tmp_path, kept, ignore=lambda folder, names: {"snapshot"} & set(names))
    expected = store.numbers(work)
    if name != "resume state":  # reading that one goes on with the run
        shutil.rmtree(kept)
        start = shutil.copytree(tmp_path, kept, ignore=lambda folder, names: {"snapshot"} & set(names))
    unread = {"locks", "raw", "hashes"}
    files = [path.relative_to(start) for path in start.rglob("*") if path.is_file()]
    files = sorted(path for path in files if not unread & set(path.parts))

    @profile
    @given(st.sampled_from(files), st.integers(0, 2**32))
    def holds(file: Path, seed: int) -> None:
        for folder in ("work", "cache"):
            shutil.rmtree(tmp_path / folder, ignore_errors=True)
            if (start / folder).is_dir():
                shutil.copytree(start / folder, tmp_path / folder)
        path = tmp_path / file
        path.write_bytes(damaged(path.read_bytes(), random.Random(seed)))
        counts[outcome(lambda: store.numbers(work), expected)] += 1

    holds()
    report(capsys, name, counts)


def report(capsys, what: str, counts: Counter) -> None:
    with capsys.disabled():
        if counts.total() > 200:
            print(f"\n{what}: {counts.total()} inputs, {dict(counts)}")


# --- What is typed or called

NAMES = ("wall", "push_t", "wal", "base", "online", "adam", "cem", "dataset", "cpu", "../..", "x.png")
NUMBERS = ("-1", "0", "1", "2", "nan", "inf", "1e38", "1e-320", "9" * 25, "9" * 4400)  #: Python reads no 4400
ODD = st.sampled_from((*NAMES, *NUMBERS, "", " ", "--", "\n", "\0", "true", "é"))
OPTIONS = sorted(
    {
        option
        for sub in cli.build_parser()._subparsers._group_actions[0].choices.values()
        for action in sub._actions
        for option in action.option_strings
    }
)
COMMANDS = st.sampled_from(["reproduce", "collect", "train", "plan", "bench", "verify", "app", "course", "pla", ""])
WORDS = st.lists(
    st.one_of(
        st.sampled_from(OPTIONS), ODD, st.builds("{}={}".format, st.sampled_from(OPTIONS), ODD), st.text(max_size=5)
    ),
    max_size=8,
)


@profiles(150, 3000)
def test_a_command_line_is_parsed_or_refused_in_a_sentence(profile, capsys):
    counts: Counter = Counter()

    @profile
    @given(COMMANDS, WORDS)
    def holds(command: str, words: list[str]) -> None:
        try:
            with limited():
                cli.build_parser().parse_args([command, *words])
            counts["accepted"] += 1
        except SystemExit as end:
            assert end.code in (0, 2)
            counts["refused" if end.code else "help"] += 1
        said = capsys.readouterr().err
        assert "Traceback" not in said and len(said.splitlines()) <= 2

    holds()
    report(capsys, "command lines", counts)


NUMBER = st.one_of(
    st.integers(-3, 12), st.sampled_from([10**6, 10**12, 10**30, -(10**30), 2**63, True]), st.floats(), st.none()
)
VALUE = st.one_of(NUMBER, st.text(max_size=6), st.sampled_from(["wall", "rope", "online", "adversarial", "points"]))
SPEC = st.dictionaries(st.sampled_from(["encoder", *ModelSpec.counts, "size", "heads", "x"]), VALUE, max_size=5)
CALLS: dict[str, tuple[Callable[..., object], st.SearchStrategy]] = {
    "spec of a model": (lambda spec: read_spec({"task": "wall"} | spec), st.tuples(SPEC)),
    "a model's file": (lambda data: read_checkpoint(data), st.tuples(st.binary(max_size=80))),
    "problems": (
        lambda starts, goals: Problems(make_task("wall"), np.zeros(starts), np.zeros(goals)),
        st.tuples(*2 * [st.lists(st.integers(0, 3), max_size=3)]),
    ),
}


@pytest.mark.parametrize("name", CALLS)
@profiles(30, 400)
def test_a_call_does_what_it_says_or_is_refused(name, profile, capsys):
    call, arguments = CALLS[name]
    counts: Counter = Counter()

    @profile
    @given(arguments)
    def holds(given_arguments: tuple) -> None:
        counts[outcome(lambda: call(*given_arguments))] += 1

    holds()
    report(capsys, name, counts)
