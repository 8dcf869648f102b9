"""The cards by the names of their tasks, each loaded when it is first used.

The card of a built-in task is in the file of the same name in this folder.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.registry import Registry
from lab.tasks import TASKS, make_task

if TYPE_CHECKING:
    from lab.benchmarks.card import Card
    from lab.training.recipes import Recipe

#: the cards by the names of their tasks
CARDS: "Registry[Card]" = Registry(
    "wm_lab.cards",
    {
        task: f"lab.benchmarks.{task}:CARD"
        for task in TASKS.built_in
        if (Path(__file__).parent / f"{task}.py").is_file()
    },
)


def card_of(task: str) -> "Card":
    """The card of ``task``. Raises LabError for an unknown task, and for a plugin that is no `Card`."""
    from lab.benchmarks.card import Card

    known = type(make_task(task))
    card = CARDS[task] if task in CARDS else Card(known)
    if not isinstance(card, Card):
        raise LabError(f"The plugin called '{task}' of {CARDS.group} must be a Card, got {card!r}.")
    return card


def register(card: "Card") -> None:
    """Use ``card`` for its task in the running program."""
    CARDS.registered[card.task.name] = card


def recipe_of(task: str, preset: str = "quick", family: str = "small") -> "Recipe":
    """The recipe of ``task``, see `Card.recipe`."""
    return card_of(task).recipe(preset, family)
