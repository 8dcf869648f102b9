"""The card of a task: all that the lab's studies, commands and pages need to know of it besides its physics."""

from dataclasses import dataclass, field

from lab.benchmarks.scene import Scene, plain_scene
from lab.errors import LabError
from lab.files import FAMILIES
from lab.planning import Settings
from lab.presets import PRESETS
from lab.tasks import Task
from lab.training.recipes import PatchRecipe, Recipe


@dataclass(frozen=True)
class Card:
    """Only the task must be given: the defaults suit any."""

    task: type[Task]
    about: str = ""  #: one sentence, without the task's name
    goals: tuple[str, ...] = ("dataset", "random")  #: the kinds that are evaluated
    problem: int = 0  #: the test problem that tells the most, shown at first
    small: Recipe = field(default_factory=lambda: Recipe(encoder="pyramid", hidden=256))  #: of the shipped family
    dino: PatchRecipe = field(default_factory=PatchRecipe)  #: of the paper's family
    settings: Settings = field(default_factory=Settings)  #: of the planners
    gain: float | None = None  #: how much finetuning adds to Adam's success, open loop, in the paper's Table 1
    layout: Scene | None = None  #: how it is drawn; None: as `plain_scene` says

    @property
    def scene(self) -> Scene:
        """How it is drawn."""
        return self.layout or plain_scene(self.task)

    def recipe(self, preset: str, family: str) -> Recipe:
        """How its world models are made: ``family`` is small or dino; preset ``smoke`` shrinks them to seconds.

        Raises LabError for an unknown preset or family.
        """
        for value, known, what in ((preset, PRESETS, "preset"), (family, FAMILIES, "family of models")):
            if value not in known:
                raise LabError(f"Unknown {what} '{value}': choose one of {', '.join(known)}.")
        recipe = self.dino if family == "dino" else self.small
        return recipe.shrunk() if PRESETS[preset].toy else recipe
