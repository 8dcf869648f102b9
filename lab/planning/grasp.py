"""GRASP (Psenka et al. 2026, arXiv 2602.00475): descend on actions and on the states in between, all steps at once.

Adam's gradient of a long plan passes through the model once for each step. Here the states between start and goal are
variables of their own, and a loss ties them to the model's predictions: each gradient passes through the model once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lab.models.protocols import gradient
from lab.planning.differentiate import by_autograd
from lab.planning.optimisers import Optimiser
from lab.planning.options import check_options
from lab.planning.planner import Plan, PlanRequest, in_chunks
from lab.planning.streams import generators, normal


@dataclass(frozen=True)
class GRASP:
    """Adam on actions a_0 … a_H-1 and on virtual states s_1 … s_H-1, with the start s_0 and the goal g fixed.

    Each iteration lowers, with d the objective and s̄ a state without a gradient,

        sum_t<H-1 ``|f(s̄_t, a_t) - s_t+1|^2 / Z``  +  d(f(s̄_H-1, a_H-1), g)  +  pull * sum_t d(f(s̄_t, a_t), g)

    and adds Gaussian noise to the states. States get no gradient through ``f``, in which the authors find adversarial
    examples; the pull is what tells early actions of the goal. After every ``sync`` iterations, ``polish`` steps of
    Adam lower the loss of the whole rollout, as ordinary gradient planning does; all moments then begin anew.

    As in the authors' ``grasp_solver.py`` (michael-psenka/le-wm-grasp), states begin on the line from start to goal,
    actions at 0, and the noise is constant. Different: d is the task's objective, where they take the squared distance
    in all terms; the last iteration is always polished; and the settings, which are chosen for our models (theirs: lr
    0.005, noise 0.005, pull 1, 750 iterations, sync 50).
    """

    lr: float = 0.03  #: of actions
    states_lr: float = 0.1  #: of virtual states
    iterations: int = 100
    noise: float = 0.1  #: standard deviation of the noise that each iteration adds to the states
    pull: float = 0.1  #: weight of the goal in the loss of every step
    sync: int = 20  #: iterations from one polishing to the next
    polish: int = 10  #: steps of Adam through the whole rollout
    polish_lr: float = 0.05
    start: float = 0.0  #: standard deviation of the initial actions
    bound: float | None = None  #: largest absolute action, in standard deviations of the data's
    chunk: int = 256  #: problems planned in one batch

    def __post_init__(self) -> None:
        check_options(self)

    def plan(self, request: PlanRequest) -> Plan:
        """See `Planner.plan`. The history has losses of whole rollouts.

        They cost a rollout each: without a callback, one is made after each polishing, and repeated until the next.
        """
        return in_chunks(self._descend, self.chunk, request)

    def _descend(self, request: PlanRequest) -> Plan:
        rngs = generators(request.seeds, request.z0.device)
        init = request.init.to(request.z0.device)
        first = request.informed(torch.zeros_like(init), self.start)
        actions = torch.where(init.isnan(), first.mean + first.std * normal(rngs, init.shape[1:]), init)
        states = between(request.z0, request.objective.goal, actions.shape[1])
        of_actions, of_states = Optimiser("adam", self.lr, actions), Optimiser("adam", self.states_lr, states)
        history = []
        for i in range(self.iterations):
            if request.callback or i % self.sync == 0:
                loss = request.loss(actions)
            history.append(loss)
            if request.callback:
                request.callback(i, actions, loss)
            # Each step alone
            by_actions, by_states = relaxed_gradients(request, states, actions, self.pull)
            actions = self._bounded(actions - of_actions.step(actions, by_actions))
            noise = self.noise * normal(rngs, states.shape[1:])
            states = states - of_states.step(states, by_states) + noise
            # Now and then, the whole rollout
            if (i + 1) % self.sync == 0 or i + 1 == self.iterations:
                actions = self._polished(request, actions)
                of_actions, of_states = Optimiser("adam", self.lr, actions), Optimiser("adam", self.states_lr, states)
        return Plan(actions, request.loss(actions), torch.stack(history))

    def _polished(self, request: PlanRequest, actions: Tensor) -> Tensor:
        optimiser = Optimiser("adam", self.polish_lr, actions)
        for _ in range(self.polish):
            _, descent = by_autograd(request, actions)
            actions = self._bounded(actions - optimiser.step(actions, descent))
        return actions

    def _bounded(self, actions: Tensor) -> Tensor:
        return actions if self.bound is None else actions.clamp(-self.bound, self.bound)


def relaxed_gradients(request: PlanRequest, states: Tensor, actions: Tensor, pull: float) -> tuple[Tensor, Tensor]:
    """Gradients of `GRASP`'s loss of each problem, by ``actions`` (B, H, A) and by virtual ``states`` (B, H - 1, Z)."""
    before = torch.cat([request.z0[:, None], states], 1)
    with torch.enable_grad():
        actions = actions.detach().requires_grad_(True)
        steps = request.model.rollout(before, actions[:, :, None])  # (B, H, 2, Z): each step from its own state
        astray = steps[:, :-1, 1] - states
        to_goal = request.objective(steps, actions[:, :, None])
        loss = (astray**2).mean(-1).sum() + pull * to_goal.sum() + to_goal[:, -1].sum()
        by_actions = gradient(loss, actions, request.model)
    return by_actions, -2 * astray.detach() / states.shape[-1]


def between(start: Tensor, goal: Tensor, steps: int) -> Tensor:
    """The ``steps`` - 1 states (B, steps - 1, Z) on the straight line from ``start`` (B, Z) to ``goal`` (B, Z)."""
    shares = torch.arange(1, steps, device=start.device, dtype=start.dtype) / steps
    return torch.lerp(start[:, None], goal[:, None], shares[:, None])
