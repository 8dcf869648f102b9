"""Random streams of plans: none is shared, and none depends on which others are asked for."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_your_own import Model

from lab.errors import LabError
from lab.planning import GoalDistance, PlanRequest, no_warm_start
from lab.planning.streams import child, generators, normal, problem_streams

CPU = torch.device("cpu")


def first_number(seed) -> int:
    return generators([seed], CPU)[0].initial_seed()


def test_seeds_problems_replans_and_starts_share_no_stream():
    problems = [stream for seed in range(5) for stream in problem_streams(seed, range(60))]
    replans = [child(stream, replan) for stream, replan in itertools.product(problems, range(10))]
    starts = [child(stream, start) for stream, start in itertools.product(replans[:500], range(1, 8))]
    numbers = [first_number(stream) for stream in (*problems, *replans, *starts)]
    assert len(set(numbers)) == len(numbers)


def test_a_replan_of_one_seed_is_no_problem_of_another():
    """A replan 1,000,003 seeds on met problem 3 of the next seed, a million on."""
    (first,), (other,) = problem_streams(0, range(1)), problem_streams(1, range(3, 4))
    ours, theirs = (normal(generators([child(stream, r)], CPU), (4,)) for stream, r in ((first, 1), (other, 0)))
    assert not torch.equal(ours, theirs)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**200), first=st.integers(0, 1000), n=st.integers(1, 5), number=st.integers(0, 2**32 - 1))
def test_a_stream_does_not_depend_on_its_neighbours(seed, first, n, number):
    several = problem_streams(seed, range(first, first + n))
    (alone,) = problem_streams(seed, range(first + n - 1, first + n))
    assert first_number(child(several[-1], number)) == first_number(child(alone, number))


def test_a_whole_number_is_a_seed_and_a_negative_one_is_refused():
    z0 = torch.zeros(1, 3)
    request = [Model(), z0, GoalDistance(z0, 3), no_warm_start(1, 2, 2)]
    assert PlanRequest(*request, [2**80]).seeds == [2**80]
    with pytest.raises(LabError, match="from 0, got -1"):
        PlanRequest(*request, [-1])
