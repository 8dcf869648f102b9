"""Online World Modeling: plan with the present model, correct the plan in the environment, learn from what happened.

DAgger with the environment as the expert. A corrected trajectory holds the executed actions and the environment's
states only, from the segment's start to the state after the last action: no transition is stitched across a teleport
(the authors' train.py joins data frames to simulated ones).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lab.data import HORIZON
from lab.errors import LabError
from lab.files import replacing
from lab.models import Trainable
from lab.models.protocols import picture_numbers, see
from lab.planning import GoalDistance, GradientPlanner, Planner, PlanRequest, no_warm_start
from lab.tasks.environment import Environment, executed, simulate
from lab.training.latents import LatentData
from lab.training.loop import Schedule
from lab.training.teacher_forcing import prediction_loss


@dataclass(frozen=True)
class OnlineConfig:
    """How much is planned, how it is planned, and how much of it is kept."""

    rounds: int = 8
    segments: int = 250  #: data segments planned for in each round
    capacity: int = 20_000  #: windows of transitions in the replay; the oldest go first
    share: float = 0.5  #: of each batch that comes from the replay
    #: its ``bound`` keeps plans to actions that the environment executes
    planner: Planner = field(default_factory=lambda: GradientPlanner("adam", lr=0.1, iterations=100))
    horizon: int = HORIZON  #: blocks of a plan; its goal is as far along the data

    def __post_init__(self) -> None:
        counts = (self.rounds, self.segments, self.capacity, self.horizon)
        if min(counts) < 1 or not 0 <= self.share <= 1:
            raise LabError(
                f"Online needs at least 1 round, segment, window in the replay and block, and a share from 0 to 1, got "
                f"{self}."
            )


@dataclass
class Online:
    """Each round adds corrected transitions; training goes on with teacher forcing on the union.

    Raises LabError for ``data`` without states, or with episodes shorter than a plan.
    """

    data: LatentData
    environment: Environment
    config: OnlineConfig = field(default_factory=OnlineConfig)
    rounds: Path | None = None  #: folder in which each round leaves what was executed; see `read_rounds`
    #: z (R, K, Z), action blocks (R, K, A) and next z (R, K, Z) of windows as in `LatentData.batch`
    replay: tuple[Tensor, Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        data, horizon = self.data, self.config.horizon
        if data.states is None:
            raise LabError("Online World Modeling starts from states of the data: encode them with `encode`.")
        if not data.history <= horizon < data.z.shape[1] / data.frameskip:
            raise LabError(
                f"Online plans {horizon} blocks of {data.frameskip} steps: as many as the model's history of "
                f"{data.history} at least, and fewer than the {data.z.shape[1]} states of an episode allow."
            )

    def loss(self, model: Trainable, step: int, schedule: Schedule, rng: torch.Generator) -> dict[str, Tensor]:
        """See `Method.loss`."""
        return prediction_loss(model, *self.batch_at(model, step, schedule, rng))

    def batch_at(
        self, model: Trainable, step: int, schedule: Schedule, rng: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The batch (see `LatentData.batch`) of training step ``step``; where a round is due, it is played first."""
        every = max(1, schedule.steps // self.config.rounds)
        if step % every == 0 and step // every < self.config.rounds:
            self._remember(self._corrected(model, rng, step // every))
        return self._mixed_batch(schedule.batch, rng)

    def _corrected(self, model: Trainable, rng: torch.Generator, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Windows along the model's plans, executed in the environment in round ``number``; as many as fit a plan."""
        # A start and the goal one horizon later, from the data
        n, length = self.config.segments, self.config.horizon * self.data.frameskip
        episode = torch.randint(len(self.data.z), (n,), generator=rng)
        first = torch.randint(self.data.z.shape[1] - length, (n,), generator=rng)
        z0, goal = self.data.at(episode, first), self.data.at(episode, first + length)
        # Plan with the present model
        seeds = torch.randint(2**62, (n,), generator=rng).tolist()
        init = no_warm_start(n, self.config.horizon, model.block_dim)
        objective = GoalDistance(goal, picture_numbers(model, goal))
        plan = self.config.planner.plan(PlanRequest(model, z0, objective, init, seeds))
        # Execute in the environment
        assert self.data.states is not None
        starts = np.asarray(self.data.states[episode.numpy(), first.numpy()])
        states, z, blocks = execute(model, self.environment, starts, plan.actions)
        if self.rounds:
            _write(self.rounds / f"{number}.safetensors", states, blocks)
        z = z.to(self.data.z.dtype)
        return self._windows(z[:, :-1]), self._windows(blocks), self._windows(z[:, 1:])

    def _windows(self, steps: Tensor) -> Tensor:
        """All stretches (n * (H - K + 1), K, …) of K = history steps in a row of ``steps`` (n, H, …)."""
        return steps.unfold(1, self.data.history, 1).movedim(-1, 2).flatten(0, 1)

    def _remember(self, transitions: tuple[Tensor, Tensor, Tensor]) -> None:
        kept = self.replay or tuple(part[:0] for part in transitions)
        joined = [torch.cat(parts)[-self.config.capacity :] for parts in zip(kept, transitions, strict=True)]
        self.replay = (joined[0], joined[1], joined[2])

    def _mixed_batch(self, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        assert self.replay is not None
        planned = int(size * self.config.share)
        rows = torch.randint(len(self.replay[0]), (planned,), generator=rng)
        offline = self.data.batch(size - planned, rng)
        z, action, z_next = (torch.cat([a, b[rows].to(a)]) for a, b in zip(offline, self.replay, strict=True))
        return z, action, z_next

    def state(self) -> dict[str, Tensor]:
        """See `Method.state`."""
        return dict(zip(("z", "action", "z_next"), self.replay or (), strict=bool(self.replay)))

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """See `Method.restore`."""
        self.replay = (state["z"], state["action"], state["z_next"])


@torch.no_grad()
def execute(
    model: Trainable, environment: Environment, starts: np.ndarray, blocks: Tensor
) -> tuple[np.ndarray, Tensor, Tensor]:
    """What happens when ``blocks`` (B, H, A) are asked for from ``starts`` (B, S).

    Returns the true states (B, H * k + 1, S), z (B, H + 1, Z) of those between blocks, and the blocks that the
    environment has really executed.
    """
    asked = model.denormalise_actions(blocks)
    done = executed(environment, asked)
    states = simulate(environment, starts, asked)
    z = see(model, environment, states[:, :: asked.shape[1] // blocks.shape[1]])
    return states, z, blocks if np.array_equal(done, asked) else model.normalise_actions(done)


def read_rounds(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """What each round left in ``folder``: true states (B, H * k + 1, S) and the executed blocks (B, H, A)."""
    paths = sorted(folder.glob("*.safetensors"), key=lambda path: int(path.stem))
    tensors = [load_file(path) for path in paths]
    return [(round["states"].numpy(), round["blocks"].numpy()) for round in tensors]


def _write(path: Path, states: np.ndarray, blocks: Tensor) -> None:
    with replacing(path) as temporary:
        save_file({"states": torch.from_numpy(states).float(), "blocks": blocks.cpu().contiguous()}, temporary)
