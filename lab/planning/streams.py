"""Random streams of plans: an independent one for each problem, replan and start.

NumPy's SeedSequence hashes a seed together with a spawn key: (problem, replan), and (problem, replan, start) for the
further starts of random restarts. Seeds computed as sums of multiples would collide: those of (seed 0, replan 1) and
(seed 1, problem 3), say.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import SeedSequence
from torch import Tensor

from lab.errors import check_seed

Seed = int | SeedSequence  #: a whole number from 0, or a random stream


def problem_streams(seed: int, problems: range) -> list[SeedSequence]:
    """The stream of each of the ``problems``, by their numbers in the protocol."""
    return [child(seed, problem) for problem in problems]


def first_plan_streams(seed: int, problems: range) -> list[SeedSequence]:
    """The stream of the first plan of each of the ``problems``, with which `MPC` plans in open loop."""
    return [child(stream, 0) for stream in problem_streams(seed, problems)]


def child(seed: Seed, number: int) -> SeedSequence:
    """The child ``number`` of a stream. Unlike `SeedSequence.spawn`, it does not depend on earlier calls."""
    parent = as_stream(seed)
    return SeedSequence(parent.entropy, spawn_key=(*parent.spawn_key, number))


def as_stream(seed: Seed) -> SeedSequence:
    """``seed`` itself, or the stream of a whole number; raises LabError for anything else."""
    if isinstance(seed, SeedSequence):
        return seed
    check_seed(seed)
    return SeedSequence(int(seed))


def generators(seeds: Sequence[Seed], device: torch.device) -> list[torch.Generator]:
    """A torch generator for each stream; the global random state stays untouched."""
    states = [int(as_stream(seed).generate_state(1, np.uint64)[0]) for seed in seeds]
    return [torch.Generator(device).manual_seed(state) for state in states]


def normal(rngs: Sequence[torch.Generator], shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers (B, *shape), each problem's from its own generator."""
    return torch.stack([torch.randn(shape, generator=rng, device=rng.device) for rng in rngs])
