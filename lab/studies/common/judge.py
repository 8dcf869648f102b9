"""The verdict on a difference, judged by its 95% interval alone."""

from dataclasses import dataclass
from typing import Any, Self

from lab.plots.words import interval, points

FEWEST = 20  #: problems: with fewer, the verdict is always unclear
MARGIN = 0.05  #: of success: "as good" means that the whole interval of the difference is above minus this


def verdict(low: float, high: float, above: str = "better", below: str = "worse", neither: str = "unclear") -> str:
    """The word for an interval: ``above`` if all of it is above zero, ``below`` if all is below, else ``neither``."""
    if low > 0:
        return above
    return below if high < 0 else neither


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
    in_points: bool = False  #: of success
    note: str = ""  #: words after the interval

    @classmethod
    def of(cls, number: int, subject: str, row: Any, **options: Any) -> Self:
        """A finding with the numbers of a table's ``row``."""
        return cls(number, subject, row.difference, row.low, row.high, row.n, row.seeds, **options)

    @property
    def sentence(self) -> str:
        numbers = points(self) if self.in_points else interval(self)
        return f"{self.subject}: {numbers}{self.note}"
