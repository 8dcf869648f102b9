"""The verdict on a difference, judged by its 95% interval alone."""

from dataclasses import dataclass
from typing import Any, Self

from lab.evaluation.statistics import ROUNDING
from lab.plots.words import counted, interval, points

FEWEST = 20  #: problems: with fewer, the verdict is always unclear
MARGIN = 0.05  #: of success: "as good" means that the whole interval of the difference is above minus this
AS_GOOD = f"as good: above -{100 * MARGIN:.0f} points"  #: the same in words


def verdict(low: float, high: float, above: str = "better", below: str = "worse", neither: str = "unclear") -> str:
    """The word for an interval: ``above`` if all of it is above zero, ``below`` if all is below, else ``neither``."""
    if low > ROUNDING:
        return above
    return below if high < -ROUNDING else neither


@dataclass(frozen=True)
class Finding:
    """A difference with its 95% interval that bears on a claim or a target."""

    number: int  #: of the claim or target
    subject: str  #: such as "Adversarial minus Base, GD, open loop, random goals"
    difference: float
    low: float
    high: float
    n: int  #: problems
    seeds: int = 1  #: training seeds that are averaged
    seeds_theirs: int | None = None  #: of what is subtracted, where they are fewer or more
    low_problems: float | None = None  #: with ``high_problems``: the interval over problems alone
    high_problems: float | None = None
    in_points: bool = False  #: of success
    note: str = ""  #: words after the interval
    remark: str = ""  #: words in brackets after these

    @classmethod
    def of(cls, number: int, subject: str, row: Any, **options: Any) -> Self:
        """A finding with the numbers of a table's ``row``; version 0.1's tables lack some columns."""
        more = ("seeds_theirs", "low_problems", "high_problems")
        options |= {name: getattr(row, name) for name in more if hasattr(row, name)}
        return cls(number, subject, row.difference, row.low, row.high, row.n, row.seeds, **options)

    @property
    def sentence(self) -> str:
        """Subject and numbers, then in brackets: training seeds, the second interval where it judges otherwise."""
        numbers = points(self) if self.in_points else interval(self)
        brackets = [seeds_of(self.seeds, self.seeds_theirs), self._over_problems(), self.remark]
        return f"{self.subject}: {numbers}{self.note} ({'; '.join(filter(None, brackets))})"

    def judge(self, low: float, high: float) -> str:
        """The verdict on a difference with this interval: that on zero, if nothing else is asked."""
        return verdict(low, high)

    def _over_problems(self) -> str:
        """The interval over problems alone, in words, where the verdict on it is another."""
        if self.low_problems is None or self.high_problems is None:
            return ""
        if self.judge(self.low, self.high) == self.judge(self.low_problems, self.high_problems):
            return ""
        scale, digits = (100, "+.1f") if self.in_points else (1, "+.3g")
        bounds = (format(scale * bound, digits) for bound in (self.low_problems, self.high_problems))
        return f"over problems alone [{', '.join(bounds)}]"


def seeds_of(ours: int, theirs: int | None) -> str:
    """``3 training seeds``, or where the two sides of a difference have other numbers, ``3 training seeds against 1``.

    Version 0.1's tables do not tell ``theirs``.
    """
    return counted(int(ours), "training seed") + (f" against {theirs:.0f}" if differ(ours, theirs) else "")


def differ(ours: int, theirs: int | None) -> bool:
    """Whether the two sides of a difference are known to have other numbers of training seeds."""
    return theirs is not None and theirs == theirs and theirs != ours  # NaN: a row of version 0.1
