"""Online World Modeling: plan with the current model, execute the plan in the environment, learn from what happened.

This is DAgger with the environment as the expert. A corrected trajectory consists of the executed actions and of the
environment's states from the segment's start to the state after the last action. All of its transitions are real: the
authors' ``train.py`` also joins frames of the data to simulated ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lab.data import HORIZON
from lab.errors import LabError, check_made, is_number, is_whole
from lab.models import Trainable
from lab.models.protocols import actions_of, picture_numbers, see
from lab.options import make_plain
from lab.planning import GoalDistance, GradientPlanner, Planner, PlanRequest, no_warm_start
from lab.planning.planner import check_planner
from lab.tasks.environment import Environment, check_environment, executed, simulate
from lab.tensors import load_tensors, save_tensors
from lab.training.latents import LatentData, check_data
from lab.training.loop import Schedule
from lab.training.teacher_forcing import prediction_loss


@dataclass(frozen=True)
class OnlineConfig:
    """Rounds, planner and replay of Online World Modeling. Raises LabError for numbers out of range, or no planner."""

    rounds: int = 8
    segments: int = 200  #: data segments for which each round plans
    capacity: int = 20_000  #: windows of transitions that the replay keeps: the newest
    share: float = 0.3  #: share of each batch that comes from the replay
    #: its ``bound`` keeps plans to actions that the environment executes
    planner: Planner = field(default_factory=lambda: GradientPlanner("adam", lr=0.1, iterations=100, restarts=4))
    horizon: int = HORIZON  #: blocks of a plan, and latent steps from a segment's start to its goal

    def __post_init__(self) -> None:
        counts = (self.rounds, self.segments, self.capacity, self.horizon)
        if not (all(is_whole(count, 1) for count in counts) and is_number(self.share, 0, 1)):
            raise LabError(
                f"Online needs at least 1 round, segment, window in the replay and block, and a share from 0 to 1, got "
                f"{self}."
            )
        check_planner(self.planner)
        make_plain(self)


@dataclass
class Online:
    """Teacher forcing on the union of the data and of corrected transitions, which each round adds to the replay.

    Raises LabError for ``data`` without states, or with episodes shorter than a plan, for an environment that is none,
    and for a ``config`` that is no `OnlineConfig`.
    """

    data: LatentData
    environment: Environment
    config: OnlineConfig = field(default_factory=OnlineConfig)
    #: folder for the executed plans of each round, see `read_rounds`
    rounds: Path | None = field(default=None, compare=False)
    #: z (R, K, Z), action blocks (R, K, A) and next z (R, K, Z) of windows as in `LatentData.batch`
    replay: tuple[Tensor, Tensor, Tensor] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_data(self.data)
        check_environment(self.environment)
        check_made("The config of Online", self.config, OnlineConfig)
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
        """The batch (see `LatentData.batch`) of training step ``step``, after a round of planning if one is due."""
        every = max(1, schedule.steps // self.config.rounds)
        if step % every == 0 and step // every < self.config.rounds:
            with torch.autocast(self.data.actions.device.type, enabled=False):  # plans and frames keep their precision
                self._add_to_replay(self._corrected(model, rng, step // every))
        return self._mixed_batch(schedule.batch, rng)

    def _corrected(self, model: Trainable, rng: torch.Generator, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """All windows of the model's plans as they were executed in the environment in round ``number``."""
        # A start and the goal one horizon later, from the data
        n, length = self.config.segments, self.config.horizon * self.data.frameskip
        episode = torch.randint(len(self.data.z), (n,), generator=rng)
        first = torch.randint(self.data.z.shape[1] - length, (n,), generator=rng)
        z0, goal = self.data.at(episode, first), self.data.at(episode, first + length)
        # Plan with the current model
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
        """All windows (n * (H - K + 1), K, …) of K = history consecutive steps of ``steps`` (n, H, …)."""
        return steps.unfold(1, self.data.history, 1).movedim(-1, 2).flatten(0, 1)

    def _add_to_replay(self, transitions: tuple[Tensor, Tensor, Tensor]) -> None:
        replay = self.replay or tuple(part[:0] for part in transitions)
        z, action, z_next = (
            torch.cat(parts)[-self.config.capacity :] for parts in zip(replay, transitions, strict=True)
        )
        self.replay = (z, action, z_next)

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
    """Execute plans ``blocks`` (B, H, A) from ``starts`` (B, S) in the environment.

    Returns the true states (B, H * k + 1, S), z (B, H + 1, Z) at the block boundaries, and the blocks (B, H, A) that
    the environment really executed, such as clipped ones. Raises LabError where the model gives the blocks no whole
    number of steps each.
    """
    planned = actions_of(model, blocks)
    actions = executed(environment, planned)
    states = simulate(environment, starts, planned)
    z = see(model, environment, states[:, :: planned.shape[1] // blocks.shape[1]])
    return states, z, blocks if np.array_equal(actions, planned) else model.normalise_actions(actions)


def read_rounds(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The executed plans of each round in ``folder``: true states (B, H * k + 1, S) and executed blocks (B, H, A).

    Raises LabError where a round has been changed.
    """
    paths = sorted(folder.glob("*.safetensors"), key=lambda path: int(path.stem))
    tensors = [load_tensors(path)[0] for path in paths]
    return [(round["states"].numpy(), round["blocks"].numpy()) for round in tensors]


def _write(path: Path, states: np.ndarray, blocks: Tensor) -> None:
    save_tensors(path, {"states": torch.from_numpy(states).float(), "blocks": blocks.cpu()})
