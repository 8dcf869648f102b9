"""Predict, then reveal: a question takes a guess before it shows its picture, and a notebook keeps score.

Questions are HTML with a short script. They answer without a kernel, so also on exported pages; where no script runs,
as in print, everything is shown. The right choice is always computed from what was measured.
"""

import base64
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from numbers import Real
from pathlib import Path
from typing import Any

from IPython.display import HTML

from lab.errors import LabError
from lab.evaluation.statistics import Interval

STYLE = """
.lab-ask { border: 1px solid #7F7F7F; border-radius: 6px; padding: .6rem 1rem; margin: .4rem 0; max-width: 62rem;
  white-space: normal; overflow-wrap: normal; word-break: normal; font-size: 14px; line-height: 1.5; }
.lab-ask p { margin: .3rem 0; }
.lab-ask button { font: inherit; color: inherit; background: transparent; border: 1px solid #7F7F7F;
  border-radius: 4px; padding: .2rem .7rem; margin: .15rem .4rem .15rem 0; cursor: pointer; }
.lab-ask button:disabled { cursor: default; opacity: .7; }
.lab-ask button.right { border: 2px solid #009E73; opacity: 1; }
.lab-ask button.wrong { text-decoration: line-through; }
.lab-ask img { display: block; width: 100%; height: auto; margin-top: .5rem; background: white; }
@media screen {
  .lab-ask.open .hidden-until-guessed { display: none; }
  .jp-Cell:has(.lab-ask.open) + .jp-MarkdownCell + .jp-CodeCell .js-plotly-plot,
  .jp-OutputArea-child:has(.lab-ask.open) ~ .jp-OutputArea-child { visibility: hidden; }
}
"""  #: what stands below the question, and the interactive figure in the cell after next, would tell, too

#: ``labScore`` holds what was right, by notebook and question; of a cell that is run again, the first guess counts
SCRIPT = """
window.labScore = window.labScore || {};
window.labGuess = window.labGuess || function (button) {
  const box = button.closest('.lab-ask'), score = (window.labScore[box.dataset.notebook] ||= {});
  const right = button.dataset.right === 'true';
  score[box.dataset.question] ??= right;
  for (const other of box.querySelectorAll('button')) {
    other.disabled = true;
    if (other.dataset.right === 'true') other.classList.add('right');
  }
  if (!right) button.classList.add('wrong');
  const all = Object.values(score), good = all.filter(Boolean).length;
  box.querySelector('.verdict').textContent =
    `${right ? 'Right.' : 'Not so.'} In this notebook so far: ${good} of ${all.length}.`;
  box.classList.remove('open');
};
document.querySelectorAll('.lab-ask.shut').forEach(box => box.classList.replace('shut', 'open'));
"""


@dataclass
class Lesson:
    """The questions and exercises of the notebook ``name``."""

    name: str

    def ask(self, question: str, choices: Mapping[str, bool], answer: str, picture: Path | bytes | None = None) -> HTML:
        """A ``question`` with its ``choices`` as buttons; a guess shows the ``answer`` and the ``picture`` (PNG).

        Raises LabError unless exactly one choice is right.
        """
        if sum(choices.values()) != 1:
            raise LabError(f"A question needs exactly one right choice, got {dict(choices)}: change the choices.")
        buttons = "".join(
            f'<button data-right="{str(bool(right)).lower()}" onclick="labGuess(this)">{escape(text)}</button>'
            for text, right in choices.items()
        )
        hidden = f'<p class="verdict"></p><p>{escape(answer)}</p>{_image(picture)}'
        return HTML(
            f"<style>{STYLE}</style>"
            f'<div class="lab-ask shut" data-notebook="{self.name}" data-question="{escape(question)}">'
            f"<p><b>Guess.</b> {escape(question)}</p>{buttons}"
            f'<div class="hidden-until-guessed">{hidden}</div></div><script>{SCRIPT}</script>'
        )

    def check(self, mine: Any, solution: float | str, why: str, within: float = 0) -> HTML:
        """Whether ``mine`` is the ``solution``; None is no answer yet. One click shows the solution, and ``why``.

        Numbers may differ by ``within``. Raises LabError for a solution that is no finite number.
        """
        if not isinstance(solution, str):
            _check_finite("The solution of an exercise", solution)
        said = _judged(mine, solution, within)
        shown = f"{solution:.4g}" if isinstance(solution, float) else str(solution)
        return HTML(
            f'<style>{STYLE}</style><div class="lab-ask"><p><b>Self-check.</b> {escape(said)}</p>'
            f"<details><summary>Solution</summary><p>{escape(shown)}. {escape(why)}</p></details></div>"
        )


def _judged(mine: Any, solution: float | str, within: float) -> str:
    if mine is None:
        return "No answer yet: put yours in place of None, and run this cell."
    if isinstance(solution, str):
        right = isinstance(mine, str) and mine == solution
    elif isinstance(mine, Real):
        right = abs(float(mine) - solution) <= within
    else:
        return f"{mine!r} is not a number: try again."
    return "Right." if right else f"{mine} is not it: try again."


def ranges(value: float, *borders: float, form: str = ".0%") -> dict[str, bool]:
    """Choices between which the increasing ``borders`` lie; ``value`` is in one of them.

    Raises LabError for a value that is not finite.
    """
    _check_finite("The answer to a question", value)
    texts = [format(border, form) for border in borders]
    names = [f"less than {texts[0]}", *(f"{low} to {high}" for low, high in itertools.pairwise(texts))]
    inside = sum(value >= border for border in borders)
    return {name: i == inside for i, name in enumerate([*names, f"{texts[-1]} or more"])}


def largest(values: Mapping[str, float]) -> dict[str, bool]:
    """The names of ``values`` as choices; right is that of the largest, of equal ones the first.

    Raises LabError if there are none, or one is not finite.
    """
    if not values:
        raise LabError("A question needs choices, got none: ask it only where there is something to compare.")
    for name, value in values.items():
        _check_finite(f"The value of {name}", value)
    best = max(values, key=lambda name: values[name])
    return {name: name == best for name in values}


def sign(interval: Interval) -> dict[str, bool]:
    """Whether an ``interval`` of a difference is above zero, below, or unclear."""
    return {
        "yes": interval.low > 0,
        "no, it falls": interval.high < 0,
        "unclear: the interval holds zero": interval.low <= 0 <= interval.high,
    }


def _check_finite(what: str, value: float) -> None:
    if not math.isfinite(value):
        raise LabError(f"{what} must be a finite number, got {value}: ask only what was measured.")


def _image(picture: Path | bytes | None) -> str:
    if picture is None:
        return ""
    content = picture.read_bytes() if isinstance(picture, Path) else picture
    return f'<img alt="the figure" src="data:image/png;base64,{base64.b64encode(content).decode()}">'
