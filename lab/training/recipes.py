"""Recipes of world models: the small family, and the paper's. A task's own choices stand on its card."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from lab.data import HORIZON, Dataset, DataSpec, load_or_collect
from lab.data.imported import load_imported
from lab.errors import LabError, is_whole
from lab.models import ModelSpec, PatchSpec
from lab.models.encoders import SIZE, PatchEncoder, encoder_class
from lab.planning import GradientPlanner
from lab.tasks import Task
from lab.training.adversarial import Radii
from lab.training.loop import Schedule
from lab.training.online import OnlineConfig


def long_schedule(steps: int, lr: float) -> Schedule:
    """A schedule of so many steps that their weights are worth averaging, and their time worth saving."""
    return Schedule(steps, lr, checkpoint_every=2000, average=0.999, bfloat16=True)


@dataclass(frozen=True)
class Recipe:
    """All options that decide a world model, but for the training seed."""

    encoder: str = "points"
    latent_dim: int = 64
    hidden: int = 512
    layers: int = 3
    episodes: int = 1000
    encoder_steps: int = 1200
    decoder_steps: int = 1000
    base: Schedule = field(default_factory=lambda: long_schedule(40_000, lr=1e-3))  #: of the base model
    finetune: Schedule = field(default_factory=lambda: long_schedule(8000, lr=5e-4))  #: of all other methods
    radii: Radii = field(default_factory=Radii)
    online: OnlineConfig = field(default_factory=OnlineConfig)
    data_set: str = ""  #: name of an imported one, in place of collected episodes; see `lab.data.imported`

    @property
    def size(self) -> int:
        """Side of the pictures, in pixels."""
        return SIZE

    def data(self, task: str, seed: int = 0, progress: bool = True) -> Dataset:
        """The offline data of ``task`` for a training seed, collected first if they are not in the cache.

        Raises LabError where an imported data set is missing, or has pictures of another size.
        """
        if self.data_set:
            data = load_imported(task, self.data_set)
            if data.spec.size != self.size:
                raise LabError(
                    f"The pictures of '{self.data_set}' have {data.spec.size} pixels a side, and these world models "
                    f"see {self.size}: import it again for their --family."
                )
            return data
        spec = DataSpec(task, "train", self.episodes, seed, self.size)
        return load_or_collect(spec, progress=progress)

    def spec(self, task: Task) -> ModelSpec:
        """The shapes of the world model of ``task``."""
        return ModelSpec(latent_dim=self.latent_dim, **self._sizes(task))

    def _sizes(self, task: Task) -> dict[str, Any]:
        """The fields of a `ModelSpec` that task and recipe decide in every family."""
        return {
            "task": task.name,
            "encoder": self.encoder,
            "proprio_dim": task.proprio_dim,
            "action_dim": task.action_dim,
            "frameskip": task.frameskip,
            "hidden": self.hidden,
            "layers": self.layers,
        }

    def shrunk(self) -> Self:
        """The same recipe at the smallest sizes that still run every part, for preset smoke."""
        planner = self.online.planner
        assert isinstance(planner, GradientPlanner)
        return replace(
            self,
            hidden=64,
            layers=2,
            episodes=20,
            encoder_steps=20,
            decoder_steps=20,
            base=Schedule(steps=40, batch=64, checkpoint_every=10),
            finetune=Schedule(steps=20, lr=7e-4, batch=64, checkpoint_every=10),
            online=replace(self.online, rounds=2, segments=8, planner=replace(planner, iterations=5)),
        )


@dataclass(frozen=True)
class PatchRecipe(Recipe):
    """The paper's family (DINO-WM): patch tokens of a frozen DINOv2, and a transformer over a few frames of them.

    Sizes are those of the authors' ``models/vit.py``; the learning rate of the base model and the radii are those of
    ``conf/train.yaml``. Training is much shorter than theirs: its lengths, and the learning rate of finetuning, are
    guesses that no full training has tested.
    """

    encoder: str = "dino"
    latent_dim: int = 0  #: follows from the size of pictures and the weights
    hidden: int = 2048
    layers: int = 6
    episodes: int = 500
    encoder_steps: int = 0
    base: Schedule = field(default_factory=lambda: Schedule(steps=20_000, lr=5e-4, batch=32))
    finetune: Schedule = field(default_factory=lambda: Schedule(steps=2000, lr=1e-4, batch=32))
    radii: Radii = field(default_factory=lambda: Radii(0.05, 0.02, 0.02, adaptive=True))
    online: OnlineConfig = field(
        default_factory=lambda: OnlineConfig(
            segments=50, capacity=1000, planner=GradientPlanner("adam", iterations=100)
        )
    )
    size: int = 196
    heads: int = 16
    history: int = 3

    def __post_init__(self) -> None:
        if not is_whole(self.history, 1, HORIZON):
            raise LabError(f"The history must be 1 to {HORIZON} frames, as many as a plan has, not {self.history}.")

    def spec(self, task: Task) -> PatchSpec:
        """Raises LabError where the encoder's weights are missing, or do not fit the size of the pictures."""
        patches = encoder_class(self.encoder, PatchEncoder).patches(self.size)
        return PatchSpec(
            latent_dim=patches.count * patches.channels,
            size=self.size,
            channels=patches.channels,
            heads=self.heads,
            history=self.history,
            source=patches.source,
            digest=patches.digest,
            **self._sizes(task),
        )

    def shrunk(self) -> Self:
        recipe = super().shrunk()
        base, finetune = replace(recipe.base, batch=16), replace(recipe.finetune, batch=16)
        return replace(recipe, base=base, finetune=finetune, encoder_steps=0, size=98, heads=2)
