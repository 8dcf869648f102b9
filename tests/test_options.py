"""Options stay what they were when others are added."""

import json
from dataclasses import field, make_dataclass, replace
from types import SimpleNamespace

import pytest

from lab.options import changed, completed, plain


def release(lr: float = 0.1, inner: tuple = (), outer: tuple = ()) -> SimpleNamespace:
    """The classes of a release, with the fields ``inner`` and ``outer`` added to them, and values of both."""
    options = [("lr", float, field(default=lr)), ("steps", int, field(default=5)), *inner]
    inside = make_dataclass("Inner", options, frozen=True)
    options = [
        ("name", str), ("size", tuple, field(default=(1, 2))), ("inner", inside, field(default_factory=inside)),
        ("slow", inside, field(default_factory=lambda: inside(lr=0.01))), *outer,
    ]  # fmt: skip
    outside = make_dataclass("Outer", options, frozen=True)
    values = [
        outside("a"), outside("b"), outside("a", size=(3,)), outside("a", inner=inside(steps=6)),
        outside("a", slow=inside(lr=0.02)), outside("a", slow=inside()),
    ]  # fmt: skip
    return SimpleNamespace(values=values)


FIRST = release()
SECOND = release(
    inner=(("momentum", float, field(default=0.9)),), outer=(("depth", int, field(default=2)),)
)  # fmt: skip


@pytest.mark.parametrize(("old", "new"), list(zip(FIRST.values, SECOND.values, strict=True)))
def test_a_new_option_at_its_default_changes_nothing(old, new):
    stored = json.loads(json.dumps(plain(old)))
    assert stored == plain(old) == completed(stored, old)
    assert completed(stored, new) == plain(new)
    assert changed(new) == changed(old)
    for other in (replace(new, depth=3), replace(new, inner=replace(new.inner, momentum=0.8))):
        assert completed(stored, other) != plain(other)
        assert changed(other) != changed(old)


def test_other_values_are_told_apart():
    for i, one in enumerate(FIRST.values):
        for j, other in enumerate(FIRST.values):
            assert (changed(one) == changed(other)) == (i == j)
            assert (completed(plain(one), other) == plain(other)) == (i == j)


def test_a_value_of_another_class_is_told_apart():
    one, other = (make_dataclass(name, [("lr", float, field(default=0.1))], frozen=True) for name in ("Adam", "CEM"))
    outer = make_dataclass("Outer", [("planner", object, field(default_factory=one))], frozen=True)
    assert changed(outer()) == {} and changed(outer(other())) == {"planner": {"class": "CEM"}}


def test_what_is_stored_whole_withstands_another_default():
    (old, *_), (new, *_) = FIRST.values, release(lr=0.2).values
    assert completed(plain(old), new) == plain(old) != plain(new)
