"""The frozen protocol of an evaluation, printed under each table and stored with each result."""

from dataclasses import asdict, dataclass

from lab.benchmarks import authors
from lab.data import HORIZON, Problems, sample_problems
from lab.planning import MODES
from lab.tasks import make_task


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
    rules: str = "ours"  #: of planning: ours, or authors, see `lab.benchmarks.authors`
    variation: tuple[tuple[str, float], ...] = ()  #: factors of the task and their values, see `Task.varied`

    def problems(self) -> Problems:
        """The problems themselves, the same for every model and planner."""
        return sample_problems(self.task, self.goals, self.n, self.split, self.seed, self.horizon, dict(self.variation))

    def describe(self) -> str:
        """One paragraph for people."""
        task = make_task(self.task)
        criteria = "; ".join(f"{name}: {text}" for name, text in task.criteria.items())
        return (
            f"{self.n} {self.goals} problems of {self.task}{self._variation()} ({self.split} split, seed {self.seed}, "
            f"starts outside their goal, neither in a state that recurs in the data), horizon {self.horizon} x "
            f"{task.frameskip} environment steps. Open loop: success at the end of the plan. "
            f"{self._mpc()}: {self.budget} replans, one block executed each, success at the end of any block. "
            f"Criterion {criteria}." + (f" {authors.WORDS}" if self.rules == "authors" else "")
        )

    def _variation(self) -> str:
        return "".join(f", with {factor} {value:g}" for factor, value in self.variation)

    def _mpc(self) -> str:
        """What a replan plans under MPC."""
        if self.rules == "authors":
            return "MPC with a fixed horizon (every replan plans all of it)"
        return "MPC with a shrinking horizon (a replan plans what is left of it; after its end, a new one starts)"

    def as_dict(self) -> dict:
        """All of it and the paragraph as ``text``, to be stored with a result."""
        return asdict(self) | {"variation": dict(self.variation), "text": self.describe()}
