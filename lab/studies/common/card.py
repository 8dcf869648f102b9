"""The card of a study: what is known before it runs. Loads without torch."""

from dataclasses import dataclass
from importlib import import_module

from lab.files import MODELS
from lab.planning.catalog import PAPER_PLANNERS, PLANNERS
from lab.presets import Preset
from lab.tasks import TASKS


def built_in(kind: str) -> tuple[str, ...]:
    """The built-in tasks of a ``kind`` of matter; those of the paper's Table 1 are ``bodies``."""
    return tuple(name for name in TASKS.built_in if TASKS[name].kind == kind)


@dataclass(frozen=True)
class Study:
    """The card of ``lab/studies/<name>`` and ``notebooks/<name>.ipynb``."""

    name: str
    chapter: int  #: its place in lists and in the report
    start: float  #: rough seconds before its first problem
    each: float  #: rough seconds of a problem with one training seed, of all that it measures there
    teaches: str = ""  #: what one learns from it, in the list of notebooks
    part: str = "beyond"  #: of the course, see `lab.repro.course`: idea, paper or beyond
    kind: str | None = "bodies"  #: of matter: it has a run for each task of this kind; None: one run, without a task
    chosen: tuple[str, ...] = ()  #: the built-in tasks that are enough; none: all of its kind
    models: tuple[str, ...] = MODELS  #: trained first, where they are neither shipped nor made
    networks: tuple[str, ...] = ()  #: the same, of networks
    planners: tuple[str, ...] = PAPER_PLANNERS  #: that it looks up by name
    measured: bool = True  #: its result is tables; the others only show something
    long: bool = False  #: too long for the ten minutes of quick, where it is made only if it is asked for
    trains: int = 0  #: models that it trains itself, rough, whatever the number of problems
    alone: bool = False  #: measures time, so that nothing else may run beside it (but at smoke)

    def seconds(self, preset: Preset, seeds: int | None = None) -> float:
        """A rough time, for the first estimate of how much is left, with so many ``seeds`` (default: the preset's)."""
        training = self.trains * preset.train_seconds
        return self.start + training + self.each * preset.n * (seeds or len(preset.seeds))

    def fits(self, task: str) -> bool:
        """Whether it has a run for ``task``, which may be a plugin's."""
        left_out = self.chosen and task in TASKS.built_in and task not in self.chosen
        return TASKS[task].kind == self.kind and not left_out


def planners_of(study: str) -> tuple[str, ...]:
    """The planners that ``study`` looks up by name, as its card says; all, where it has none."""
    card = getattr(import_module(f"lab.studies.{study}"), "STUDY", None)
    return card.planners if card else PLANNERS
