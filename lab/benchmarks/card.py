"""The card of a task: everything but its physics that the lab's studies, commands and pages need."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.benchmarks.scene import Scene, plain_scene
from lab.errors import check_known
from lab.files import FAMILIES
from lab.planning import Settings
from lab.presets import PRESETS
from lab.tasks import Task
from lab.training.recipes import PatchRecipe, Recipe

#: of the factors of pictures, which all tasks have
SEEN_SHIFTS = {"hue": 90.0, "light": 0.7, "noise": 16.0}


@dataclass(frozen=True)
class Card:
    """A task's goals, recipes, planner settings and scene; the defaults suit any task."""

    task: type[Task]
    about: str = ""  #: a description in one sentence, without the task's name
    goals: tuple[str, ...] = ("dataset", "random")  #: the kinds of goals that are evaluated
    #: the problem shown at first: one of 50 test problems with data-set goals that Adam misses on the shipped base
    #: model, if possible while it imagines success, and reaches on the adversarial one; 0 where there is none
    problem: int = 0
    small: Recipe = field(
        default_factory=lambda: Recipe(encoder="pyramid", hidden=256)
    )  #: recipe of the small family, which is shipped
    dino: PatchRecipe = field(default_factory=PatchRecipe)  #: recipe of the paper's family
    settings: Settings = field(default_factory=Settings)  #: of the planners
    gain: float | None = (
        None  #: gain in open-loop success of Adam by Adversarial World Modeling, in the paper's Table 1
    )
    shifts: Mapping[str, float] = field(
        default_factory=lambda: SEEN_SHIFTS
    )  #: by factor of variation, the value at which models are tested under shift
    layout: Scene | None = None  #: how the task is drawn; None: `plain_scene`

    @property
    def scene(self) -> Scene:
        """How the task is drawn."""
        return self.layout or plain_scene(self.task)

    def recipe(self, preset: str, family: str) -> Recipe:
        """The recipe of the task's world models of ``family``, small or dino; preset ``smoke`` shortens it.

        Raises LabError for an unknown preset or family.
        """
        for value, known, what in ((preset, PRESETS, "preset"), (family, FAMILIES, "family of models")):
            check_known(what, value, known)
        recipe = self.dino if family == "dino" else self.small
        return recipe.shrunk() if PRESETS[preset].toy else recipe
