"""What notebooks show in their cells: questions that take a guess, self-checks, and pictures that controls move."""

import re
from html import escape

import numpy as np
import pandas as pd
import pytest
from ipywidgets import IntSlider
from matplotlib.figure import Figure

from lab.errors import LabError
from lab.evaluation.statistics import Interval
from lab.plots.ask import Lesson, largest, ranges, sign
from lab.plots.cells import WIDGET, Moved, say, show_table


def right(choices) -> list[str]:
    return [name for name, is_right in choices.items() if is_right]


def test_a_question_hides_its_answer_and_picture_until_a_guess():
    html = Lesson("fig9").ask("How <much>?", ranges(0.4, 0.3, 0.6), "40%.", b"\x89PNG").data
    shown, hidden = html.split('<div class="hidden-until-guessed">')
    assert "How &lt;much&gt;?" in shown and "40%." not in shown and "40%." in hidden and "image/png" in hidden
    assert shown.count('data-right="true"') == 1 and shown.count("<button") == 3


@pytest.mark.parametrize("choices", [{"a": False, "b": False}, {"a": True, "b": True}, {}])
def test_a_question_has_exactly_one_right_choice(choices):
    with pytest.raises(LabError, match="exactly one right choice, got"):
        Lesson("fig9").ask("Which?", choices, "That one.")


@pytest.mark.parametrize(
    ("value", "choice"), [(-1.0, "less than 30%"), (0.3, "30% to 60%"), (0.59, "30% to 60%"), (7.0, "60% or more")]
)
def test_every_value_is_in_one_range(value, choice):
    assert right(ranges(value, 0.3, 0.6)) == [choice]


@pytest.mark.parametrize(
    "choices",
    [
        lambda: ranges(float("nan"), 0.3),
        lambda: ranges(float("inf"), 0.3),
        lambda: largest({"a": float("nan"), "b": 1}),
        lambda: largest({"a": 1, "b": float("nan")}),
        lambda: largest({}),
        lambda: Lesson("fig9").check(None, float("nan"), "Because."),
        lambda: Lesson("fig9").check(np.inf, np.float32("inf"), "Because."),
    ],
)
def test_what_was_not_measured_has_no_right_answer(choices):
    with pytest.raises(LabError, match=r"must be a finite number, got|A question needs choices, got none"):
        choices()


def test_names_and_signs_are_choices():
    assert right(largest({"a": 1, "b": 3, "c": 3})) == ["b"]
    intervals = [Interval(2, 1, 3), Interval(-2, -3, -1), Interval(0, -1, 1), Interval(0, 0, 0)]
    assert [right(sign(interval))[0].split(":")[0] for interval in intervals] == [
        "yes",
        "no, it falls",
        "unclear",
        "unclear",
    ]


@pytest.mark.parametrize(
    ("mine", "solution", "said"),
    [
        (None, 3, "No answer yet"),
        (3, 3, "Right."),
        (4, 3, "4 is not it"),
        (0.99, 1.0, "Right."),
        ("b", "a", "b is not it"),
        (np.array([1, 2]), "a", "[1 2] is not it"),
        (np.float32(3.01), np.int64(3), "Right."),
        (float("nan"), 3, "nan is not it"),
        ("3", 3, "'3' is not a number: try again."),
        ([3], 3, "[3] is not a number"),
        (np.array([3, 4]), 3.0, "array([3, 4]) is not a number"),
        (3 + 0j, 3.0, "(3+0j) is not a number"),
    ],
)
def test_a_self_check_says_whether_the_answer_is_right(mine, solution, said):
    html = Lesson("fig9").check(mine, solution, "Because.", within=0.02).data
    assert f"</b> {escape(said)}" in html and html.index("<details>") < html.index("Because.")


def test_controls_move_a_picture_which_says_that_it_is_being_drawn():
    drawn, said = [], []

    def draw(n: int) -> Figure:
        drawn.append(n)
        said.append(moved.busy.value if drawn[1:] else "")
        figure = Figure()
        figure.subplots().plot([0, n])
        return figure

    moved = Moved(draw, n=IntSlider(value=2, min=1, max=4))
    first = moved.picture.value
    moved.controls.children[0].value = 4
    assert drawn == [2, 4] and "Computing" in said[1] and moved.busy.value == "" and moved.picture.value != first
    bundle = moved._repr_mimebundle_()
    assert bundle[WIDGET]["model_id"] == moved.box.model_id
    assert "data:image/png;base64" in bundle["text/html"] and "controls move this picture: n." in bundle["text/html"]


def test_sentences_are_printed_in_lines_that_end_between_words(capsys):
    text = " ".join(["extraordinarily"] * 20)
    say(text)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2 and max(map(len, lines)) <= 100 and " ".join(line.strip() for line in lines) == text


def test_a_picture_that_cannot_be_drawn_stops_the_notebook():
    with pytest.raises(ZeroDivisionError):
        Moved(lambda n: 1 // n, n=IntSlider(value=0))


def test_all_numbers_of_a_table_have_the_same_decimals(monkeypatch):
    shown = []
    monkeypatch.setattr("lab.plots.cells.display", shown.append)
    show_table(pd.DataFrame({"n": [300, 3], "rate": [1 / 3, 2e-5], "who": ["a", None], "low": [float("nan"), 2]}))
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown[0].to_html())
    assert cells == ["300", "0.333", "a", "–", "3", "0.000", "–", "2.000"]
