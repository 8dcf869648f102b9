"""Adaptation within MPC: by hand, side by side as each alone, and towards what is seen."""

import pytest
import torch

from lab.data import sample_problems
from lab.errors import LabError
from lab.evaluation.success import evaluate
from lab.models.protocols import see
from lab.planning import MPC, Adaptation, GradientPlanner

Z, A = 3, 2


class Linear(torch.nn.Module):
    """z' = z + W a."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(Z, A))

    def rollout(self, z0, actions):
        steps = (actions @ self.weight.T).cumsum(-2)
        return torch.cat([z0[..., None, :], z0[..., None, :] + steps], -2)


def test_a_step_is_that_of_the_formula_for_each_problem():
    rng = torch.Generator().manual_seed(0)
    z, a, seen = (torch.randn(5, *shape, generator=rng) for shape in ((Z,), (1, A), (Z,)))
    adaptation, model = Adaptation(lr=0.3, part="weight"), Linear()
    adapted = adaptation.step(adaptation.begin(model, 5), z, a, seen)
    error = z + a[:, 0] @ model.weight.T - seen
    expected = model.weight - 0.3 * 2 / Z * error[:, :, None] * a
    torch.testing.assert_close(adapted.weights["model.weight"], expected.detach())
    torch.testing.assert_close(model.weight, torch.eye(Z, A))  # the model itself is as it was
    samples = torch.randn(5, 7, 4, A, generator=rng)
    together = adapted.rollout(z[:, None].expand(-1, 7, -1), samples)
    for i in range(5):
        model.weight.data = expected[i]
        torch.testing.assert_close(together[i], model.rollout(z[i].expand(7, -1), samples[i]))
    torch.testing.assert_close(adapted[2:4].rollout(z[2:4], a[2:4]), adapted.rollout(z, a)[2:4])


def test_a_model_is_nearer_to_what_was_seen_after_each_step(tiny_model):
    model, problems = tiny_model("wall"), sample_problems("wall", "dataset", 6, variation={"stride": 3})
    z = see(model, problems.environment, problems.starts)
    blocks = model.normalise_actions(problems.expert)[:, :1]
    seen = see(
        model, problems.environment, problems.environment.simulate(problems.starts, problems.expert[:, :5])[:, -1]
    )
    adaptation, errors = Adaptation(lr=0.05), []
    adapted = adaptation.begin(model, len(problems))
    for _ in range(3):
        errors.append(((adapted.rollout(z, blocks)[:, -1] - seen) ** 2).mean(-1).detach())
        adapted = adaptation.step(adapted, z, blocks, seen)
    assert (errors[1] < errors[0]).all() and (errors[2] < errors[1]).all()


@pytest.mark.parametrize("options", [{}, {"restarts": 3, "chunk": 6}])
def test_mpc_plans_through_the_adapted_model_in_chunks_and_from_several_starts(options, tiny_model):
    model, problems = tiny_model("wall"), sample_problems("wall", "dataset", 5)
    planner = GradientPlanner("adam", lr=0.1, iterations=3, **options)
    plain, none, some = (
        evaluate(model, planner, problems, MPC(budget=3, adapt=adapt))
        for adapt in (None, Adaptation(lr=1e-12), Adaptation(lr=0.1))
    )
    for i in range(3):
        torch.testing.assert_close(none.plans[i].actions, plain.plans[i].actions, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(some.plans[0].actions, none.plans[0].actions)  # nothing was seen yet
    assert (some.plans[1].actions - none.plans[1].actions).abs().amax((1, 2)).gt(1e-4).all()


def test_what_cannot_adapt_is_named():
    with pytest.raises(LabError, match=r"Linear has no weights called predictor\.head: name those that adapt as part"):
        Adaptation().begin(Linear(), 2)
    with pytest.raises(LabError, match="Adaptation needs a finite number above 0 as lr, got -1"):
        Adaptation(lr=-1)
