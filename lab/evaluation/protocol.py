"""The frozen protocol of an evaluation, printed under each table and stored with each result."""

from dataclasses import asdict, dataclass

from lab.data import HORIZON, Problems, sample_problems
from lab.planning import MODES
from lab.tasks import make_task
from lab.tasks.granular import Granular
from lab.tasks.rope import Rope

CRITERIA = {
    ("push_t", "full"): "pusher and block within 20 px (joint distance) and block angle within 20 degrees",
    ("push_t", "block"): "block within 20 px and 20 degrees; the pusher may be anywhere",
    ("point_maze", "full"): "position within 0.5 maze units",
    ("wall", "full"): "position within 4.5 px",
    ("rope", "full"): f"Chamfer distance of the rope's nodes below {Rope.radius:g}",
    ("granular", "full"): f"Chamfer distance of the grains below {Granular.radius:g}",
}


@dataclass(frozen=True)
class Protocol:
    """The problems every model and planner is given, and what counts as success."""

    task: str
    goals: str
    n: int
    split: str = "test"
    seed: int = 0  #: of the problems and of the planners' random numbers
    horizon: int = HORIZON  #: latent steps planned; a data-set goal is so many latent steps away
    budget: int = MODES["mpc"].budget  #: replans of one block each under MPC

    def problems(self) -> Problems:
        return sample_problems(self.task, self.goals, self.n, self.split, self.seed)

    def describe(self) -> str:
        """One paragraph for people."""
        criteria = "; ".join(f"{name}: {text}" for (task, name), text in CRITERIA.items() if task == self.task)
        steps = make_task(self.task).frameskip
        return (
            f"{self.n} {self.goals} problems of {self.task} ({self.split} split, seed {self.seed}, starts outside "
            f"their goal), horizon {self.horizon} x {steps} environment steps. "
            f"Open loop: success at the end of the plan. "
            f"MPC: {self.budget} replans, one block executed each, success at the end of any block. "
            f"Criterion {criteria}."
        )

    def as_dict(self) -> dict:
        return asdict(self) | {"text": self.describe()}
