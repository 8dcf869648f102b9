"""Online World Modeling: plan with the present model, correct the plan in the simulator, learn from what happened.

DAgger with the simulator as the expert. A corrected trajectory holds the planned actions and the simulator's states
only, from the segment's start to the state after the last action: no transition is stitched across a teleport
(the reference joins data frames to simulated ones, section 3.4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lab.data import HORIZON, Dataset
from lab.files import replacing
from lab.models import WorldModel
from lab.planning import GoalDistance, GradientPlanner, PlanRequest, no_warm_start
from lab.tasks import make_task
from lab.training.latents import LatentData
from lab.training.teacher_forcing import prediction_loss


@dataclass(frozen=True)
class OnlineConfig:
    """How much is planned, how it is planned, and how much of it is kept."""

    rounds: int = 8
    segments: int = 250  #: data segments planned for in each round
    capacity: int = 20_000  #: windows of transitions in the replay; the oldest go first
    share: float = 0.5  #: of each batch that comes from the replay
    planner: GradientPlanner = field(default_factory=lambda: GradientPlanner("adam", lr=0.1, iterations=100))


@dataclass
class Online:
    """Each round adds corrected transitions; training goes on with teacher forcing on the union."""

    dataset: Dataset
    data: LatentData
    batch: int
    config: OnlineConfig
    steps: int  #: of the whole training, to space the rounds evenly
    rounds: Path | None = None  #: folder in which each round leaves what was executed; see `executed`
    #: z (R, K, Z), action blocks (R, K, A) and next z (R, K, Z) of windows as in `LatentData.batch`
    replay: tuple[Tensor, Tensor, Tensor] | None = None

    def loss(self, model: WorldModel, step: int, rng: torch.Generator) -> dict[str, Tensor]:
        return prediction_loss(model, *self.batch_at(model, step, rng))

    def batch_at(self, model: WorldModel, step: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The batch (see `LatentData.batch`) of training step ``step``; where a round is due, it is played first."""
        every = max(1, self.steps // self.config.rounds)
        if step % every == 0 and step // every < self.config.rounds:
            self._remember(self._corrected(model, rng, step // every))
        return self._mixed_batch(rng)

    def _corrected(self, model: WorldModel, rng: torch.Generator, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Windows along the model's plans, executed in the simulator in round ``number``; as many as fit a plan."""
        # A start and the goal 25 steps later, from the data
        n, length = self.config.segments, HORIZON * self.data.frameskip
        episode = torch.randint(len(self.data.z), (n,), generator=rng)
        first = torch.randint(self.data.z.shape[1] - length, (n,), generator=rng)
        z0, goal = self.data.at(episode, first), self.data.at(episode, first + length)
        # Plan with the present model
        seeds = torch.randint(2**62, (n,), generator=rng).tolist()
        init = no_warm_start(n, HORIZON, model.block_dim)
        objective = GoalDistance(goal, model.latent_dim)
        plan = self.config.planner.plan(PlanRequest(model, z0, objective, init, seeds))
        # Execute in the simulator
        starts = np.asarray(self.dataset.states[episode.numpy(), first.numpy()])
        states, z = simulate(model, starts, plan.actions)
        if self.rounds:
            _write(self.rounds / f"{number}.safetensors", states, plan.actions)
        z, blocks = z.to(self.data.z.dtype), plan.actions
        return self._windows(z[:, :-1]), self._windows(blocks), self._windows(z[:, 1:])

    def _windows(self, steps: Tensor) -> Tensor:
        """All stretches (n * (H - K + 1), K, …) of K = history steps in a row of ``steps`` (n, H, …)."""
        return steps.unfold(1, self.data.history, 1).movedim(-1, 2).flatten(0, 1)

    def _remember(self, transitions: tuple[Tensor, Tensor, Tensor]) -> None:
        kept = self.replay or tuple(part[:0] for part in transitions)
        joined = [torch.cat(parts)[-self.config.capacity :] for parts in zip(kept, transitions, strict=True)]
        self.replay = (joined[0], joined[1], joined[2])

    def _mixed_batch(self, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        assert self.replay is not None
        planned = int(self.batch * self.config.share)
        rows = torch.randint(len(self.replay[0]), (planned,), generator=rng)
        offline = self.data.batch(self.batch - planned, rng)
        z, action, z_next = (torch.cat([a, b[rows].to(a)]) for a, b in zip(offline, self.replay, strict=True))
        return z, action, z_next

    def state(self) -> dict[str, Tensor]:
        return dict(zip(("z", "action", "z_next"), self.replay or (), strict=bool(self.replay)))

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.replay = (state["z"], state["action"], state["z_next"])


def simulate(model: WorldModel, starts: np.ndarray, blocks: Tensor) -> tuple[np.ndarray, Tensor]:
    """What happens when ``blocks`` (B, H, A) run from ``starts`` (B, S).

    Returns the true states (B, H * frameskip + 1, S), and z (B, H + 1, Z) of those between blocks.
    """
    task = make_task(model.spec.task)
    states = task.simulate(starts, model.denormalise_actions(blocks))
    return states, model.observe(task.observe(states[:, :: task.frameskip]))


def executed(rounds: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """What each round left in ``rounds``: true states (B, H * frameskip + 1, S) and standardised blocks (B, H, A)."""
    paths = sorted(rounds.glob("*.safetensors"), key=lambda path: int(path.stem))
    tensors = [load_file(path) for path in paths]
    return [(round["states"].numpy(), round["blocks"].numpy()) for round in tensors]


def _write(path: Path, states: np.ndarray, blocks: Tensor) -> None:
    with replacing(path) as temporary:
        save_file({"states": torch.from_numpy(states).float(), "blocks": blocks.cpu().contiguous()}, temporary)
