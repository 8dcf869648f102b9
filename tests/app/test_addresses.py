"""Whatever an address says: every page comes up, complains on one line, and renders nothing of it as Markdown."""

from collections import Counter

import pytest
from harness import APP, PAGES, whole
from hypothesis import given
from hypothesis import strategies as st
from test_fuzz import ODD, limited, profiles, report

NASTY = ("# big", "a\n\n# big", "![x](https://example.org/x.png)", "`a`", "<b>b</b>", ":red[x]", "$x$", "\u202eabc")
KEYS = (
    "task", "model", "planner", "mode", "goals", "problem", "click", "method", "size", "steps", "seed", "radius",
    "rounds", "part", "pick", "drive", "rivals", "preset", "start_x", "goal_y", "nothing",
)  # fmt: skip
VALUES = st.one_of(st.sampled_from(NASTY), ODD, st.text(max_size=40))


@pytest.fixture
def state(monkeypatch):
    monkeypatch.syspath_prepend(str(APP))
    import state

    return state


def inert(text: str) -> bool:
    """Whether ``text`` is one line without a mark of Markdown that stands for itself."""
    bare = text.replace("\\\\", "")
    for mark in "`*[]<>!$#":
        bare = bare.replace(f"\\{mark}", "")
    return text.isprintable() and not set("`*[]<>!$#") & set(bare)


@profiles(150, 1500)
def test_the_parser_of_addresses(profile, state, monkeypatch, capsys):
    counts: Counter = Counter()
    readers = {
        str: lambda value: value in ("wall", "push_t"),
        int: lambda value: 0 <= value <= 49,
        float: lambda value: -2.5 <= value <= 2.5,
    }
    complaints: list[str] = []
    monkeypatch.setattr(state, "complain", complaints.append)

    @profile
    @given(st.sampled_from([str, int, float]), VALUES)
    def holds(read: type, text: str) -> None:
        complaints.clear()
        with limited():
            value = state._read("key", text, read, readers[read], "Known: 0 to 49.")
        counts["refused" if value is None else "accepted"] += 1
        assert (value is None) == bool(complaints) and all(map(inert, complaints))
        assert value is None or readers[read](value)

    holds()
    report(capsys, "addresses, read", counts)


@profiles(1, 300)
def test_every_page_comes_up_at_any_address(profile, app, capsys):
    counts: Counter = Counter()

    @profile
    @given(st.sampled_from(sorted(PAGES)), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
    def holds(page: str, url: dict[str, str]) -> None:
        test = app(page, **url)
        assert not test.exception, [error.value for error in test.exception]
        assert not [error.value for error in test.error if "fault of the app" in error.value]
        complaints = [info.value for info in test.info if "The address" in info.value]
        assert all(map(inert, complaints))
        counts["refused" if complaints else "accepted"] += 1

    holds()
    report(capsys, "addresses, pages", counts)


def test_a_fault_becomes_a_sentence_a_link_and_a_way_on(app, monkeypatch):
    assert whole(app())
    import cached

    monkeypatch.setattr(cached, "results", lambda: 1 / 0)
    test = app("results", task="push_t")
    assert not test.exception and "fault of the app (ZeroDivisionError)" in test.error[0].value
    assert len(test.code) == 1 and len(test.get("page_link")) == 1
