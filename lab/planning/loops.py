"""The planners' loops in JAX, each compiled as one program; the classes of the same names say what each step is for.

Dimensions as in `lab.planning.planner`; ``N`` samples of a problem. ``rules`` are those of `GoalDistance`: latent_dim,
proprio and decay. Loops return actions (B, H, A), loss (B,) and history (iterations, B).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from torch import Tensor

from lab.planning.cem import CEM
from lab.planning.gradcem import GradCEM
from lab.planning.gradient import GradientPlanner
from lab.planning.icem import ICEM
from lab.planning.mppi import MPPI
from lab.planning.optimisers import WEIGHT_DECAY

Rules = tuple[int, float, float | None]
Found = tuple[Array, Array, Array]
program = partial(jax.jit, static_argnums=(0, 1))


def as_arrays(parts: Any) -> Any:
    """The same tree with an array in place of each tensor, of the same memory where that can be."""
    return jax.tree.map(lambda part: jnp.from_dlpack(part.detach().contiguous()), parts, is_leaf=_is_tensor)


def _is_tensor(part: Any) -> bool:
    return isinstance(part, Tensor)


# --- The model and the objective


def rollout_loss(weights: Any, goal: Array, rules: Rules, z0: Array, actions: Array) -> Array:
    """`GoalDistance` (B, ...) of the states that `ResidualMLP.rollout` imagines for ``actions`` (B, ..., H, A)."""
    extra = (1,) * (actions.ndim - 3)
    z0, goal = (jnp.reshape(part, (len(part), *extra, -1)) for part in (z0, goal))

    def step(z: Array, action: Array) -> tuple[Array, Array | None]:
        z = z + change(weights, z, action)
        return z, None if rules[2] is None else distance(z, goal, rules)

    start = jnp.broadcast_to(z0, (*actions.shape[:-2], z0.shape[-1]))
    last, distances = lax.scan(step, start, jnp.moveaxis(actions, -2, 0))
    if rules[2] is None:
        return distance(last, goal, rules)
    shares = rules[2] ** jnp.arange(len(distances) + 1)
    distances = jnp.concatenate([distance(start, goal, rules)[None], distances])
    return jnp.tensordot(shares / shares.sum(), distances, 1)


def change(weights: Any, z: Array, action: Array) -> Array:
    """What `ResidualMLP` adds to ``z`` (..., Z) under ``action`` (..., A)."""
    hidden, head = weights
    x = jnp.concatenate([z, action], -1)
    for layer in hidden:
        x = activation(product(x, layer["weight"], layer["transposed"]), layer["bias"], layer["scale"], layer["shift"])
    return product(x, head["weight"], head["transposed"]) + head["bias"]


@jax.custom_vjp
def product(x: Array, weight: Array, transposed: Array) -> Array:
    """``x`` (..., I) times ``transposed`` (I, O): of the two layouts, the one that is read row by row.

    The gradient is with respect to ``x`` alone, and takes ``weight`` (O, I).
    """
    return x @ transposed


def _product_forwards(x: Array, weight: Array, transposed: Array) -> tuple[Array, Array]:
    return x @ transposed, weight


def _product_backwards(weight: Array, gradient: Array) -> tuple[Array, None, None]:
    return gradient @ weight, None, None


product.defvjp(_product_forwards, _product_backwards)


@jax.custom_vjp
def activation(x: Array, bias: Array, scale: Array, shift: Array) -> Array:
    """GELU of the layer normalisation of ``x`` + ``bias`` (..., O).

    Its gradient, with respect to ``x`` alone, is written out: one pass over what the forward pass left, where the
    derivative that JAX finds takes several (a seventh of the time of a descent).
    """
    return _activation_forwards(x, bias, scale, shift)[0]


def _activation_forwards(x: Array, bias: Array, scale: Array, shift: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    x = x + bias
    x = x - x.mean(-1, keepdims=True)
    inverse_std = lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    x = x * inverse_std
    y, derivative = jax.vjp(partial(jax.nn.gelu, approximate=True), x * scale + shift)
    return y, (x, inverse_std, *derivative(jnp.broadcast_to(scale, y.shape)))


def _activation_backwards(rest: tuple[Array, Array, Array], gradient: Array) -> tuple[Array, None, None, None]:
    x, inverse_std, derivative = rest
    gradient = gradient * derivative
    along = (gradient * x).mean(-1, keepdims=True)
    return (gradient - gradient.mean(-1, keepdims=True) - along * x) * inverse_std, None, None, None


activation.defvjp(_activation_forwards, _activation_backwards)


def distance(z: Array, goal: Array, rules: Rules) -> Array:
    """`GoalDistance` (...) of states ``z`` (..., Z)."""
    latent_dim, proprio, _ = rules
    squared = (z - goal) ** 2
    latent = squared[..., :latent_dim].mean(-1)
    if proprio == 0 or z.shape[-1] == latent_dim:
        return latent
    return latent + proprio * squared[..., latent_dim:].mean(-1)


def differentiate(loss_of: Any, actions: Array) -> tuple[Array, Array]:
    """The loss (B, ...) of ``actions`` (B, ..., H, A), and its gradient with respect to them."""

    def total(actions: Array) -> tuple[Array, Array]:
        loss = loss_of(actions)
        return loss.sum(), loss

    gradient, loss = jax.grad(total, has_aux=True)(actions)
    return loss, gradient


def bounded(planner: Any, actions: Array) -> Array:
    """``actions`` clipped to the planner's bound."""
    return actions if planner.bound is None else actions.clip(-planner.bound, planner.bound)


# --- Descent


@program
def descend(planner: GradientPlanner, rules: Rules, parts: Any) -> Found:
    """See `GradientPlanner`."""
    weights, z0, goal, init, (drawn, noise) = parts
    loss_of = partial(rollout_loss, weights, goal, rules, z0)

    def step(state: Any, given: Any) -> tuple[Any, Array]:
        actions, moments = state
        corrections, share, added = given
        loss, gradient = differentiate(loss_of, actions)
        update, moments = optimise(planner.optimiser, planner.lr, corrections, actions, gradient, moments)
        return (bounded(planner, actions - share * update + added), moments), loss

    actions = first(loss_of, init, drawn)
    shares = jnp.linspace(1, planner.cooling, planner.iterations)
    moments = (jnp.zeros_like(actions),) * 2
    given = bias_corrections(planner.iterations), shares, jnp.moveaxis(noise, 1, 0)
    (actions, _), history = lax.scan(step, (actions, moments), given)
    return actions, loss_of(actions), history


def first(loss_of: Any, init: Array, drawn: Array) -> Array:
    """The actions to descend from: the warm start ``init``, completed by the best of ``drawn`` (B, N, H, A)."""
    unknown = jnp.isnan(init)
    candidates = jnp.where(unknown[:, None], drawn, init[:, None])
    if candidates.shape[1] == 1:
        return candidates[:, 0]
    loss = loss_of(candidates)
    best = jnp.where(jnp.isnan(loss), jnp.inf, loss).argmin(1)
    best = jnp.where(unknown.any(), best, 0)
    return jnp.take_along_axis(candidates, best[:, None, None, None], 1)[:, 0]


def bias_corrections(steps: int) -> Array:
    """Adam's divisors (steps, 2) of both moments, computed in double precision, as `Optimiser` does."""
    return jnp.asarray(1 - np.array([0.9, 0.999]) ** np.arange(1, steps + 1)[:, None], jnp.float32)


def optimise(
    name: str, lr: float, corrections: Array, variables: Array, gradient: Array, moments: tuple[Array, Array]
) -> tuple[Array, tuple[Array, Array]]:
    """An update of `Optimiser`, to subtract, and its new moments; ``corrections`` are those of this step."""
    mean, square = moments
    if name == "sgd":
        return lr * gradient, moments
    if name == "momentum":
        mean = 0.9 * mean + gradient
        return lr * mean, (mean, square)
    mean, square = mean + 0.1 * (gradient - mean), square + 0.001 * (gradient**2 - square)
    update = lr * (mean / corrections[0]) / (jnp.sqrt(square / corrections[1]) + 1e-8)
    return update if name == "adam" else update + lr * WEIGHT_DECAY * variables, (mean, square)


# --- Sampling


@program
def cem(planner: CEM | GradCEM, rules: Rules, parts: Any) -> Found:
    """See `CEM`, and `GradCEM`, whose samples descend first."""
    weights, z0, goal, init, noise = parts
    loss_of = partial(rollout_loss, weights, goal, rules, z0)

    def improve(belief: Any, noise: Array) -> tuple[Any, Array]:
        mean, std = belief
        actions = mean[:, None] + std[:, None] * noise
        if isinstance(planner, GradCEM):
            actions = after_gradient_steps(planner, loss_of, actions)
        actions = bounded(planner, actions)
        elites, least = fittest(actions, loss_of(actions), planner.elites)
        return (elites.mean(1), elites.std(1, ddof=1)), least

    mean = jnp.nan_to_num(init)
    (mean, _), history = lax.scan(improve, (mean, jnp.full_like(mean, planner.std)), jnp.stack(noise))
    return mean, loss_of(mean), history


def after_gradient_steps(planner: GradCEM, loss_of: Any, actions: Array) -> Array:
    """``actions`` (B, N, H, A) after the planner's gradient steps."""
    moments = (jnp.zeros_like(actions),) * 2
    for corrections in bias_corrections(planner.steps):
        _, gradient = differentiate(loss_of, actions)
        update, moments = optimise(planner.optimiser, planner.lr, corrections, actions, gradient, moments)
        actions = actions - update
    return actions


@program
def icem(planner: ICEM, rules: Rules, parts: Any) -> Found:
    """See `ICEM`; its iterations differ in size, and so are written out one after another."""
    weights, z0, goal, init, noises = parts
    loss_of = partial(rollout_loss, weights, goal, rules, z0)
    mean, history = jnp.nan_to_num(init), []
    std, former = jnp.full_like(mean, planner.std), mean[:, None]
    kept = max(1, round(planner.keep * planner.elites))
    for noise in noises:
        actions = bounded(planner, jnp.concatenate([mean[:, None] + std[:, None] * noise, former, mean[:, None]], 1))
        elites, least = fittest(actions, loss_of(actions), planner.elites)
        mean = elites.mean(1) + planner.alpha * (mean - elites.mean(1))
        std = elites.std(1, ddof=1) + planner.alpha * (std - elites.std(1, ddof=1))
        former = elites[:, :kept]
        history.append(least)
    return elites[:, 0], least, jnp.stack(history)


@program
def mppi(planner: MPPI, rules: Rules, parts: Any) -> Found:
    """See `MPPI`."""
    weights, z0, goal, init, noise = parts
    loss_of = partial(rollout_loss, weights, goal, rules, z0)

    def improve(mean: Array, noise: Array) -> tuple[Array, Array]:
        noise = planner.std * noise
        actions = bounded(planner, mean[:, None] + noise)
        noise = noise if planner.bound is None else actions - mean[:, None]
        loss = loss_of(actions)
        control = planner.temperature * (mean[:, None] * noise).sum((-2, -1)) / planner.std**2
        shares = jax.nn.softmax(-(loss + control) / planner.temperature, axis=1)
        return mean + (shares[..., None, None] * noise).sum(1), loss.min(1)

    mean, history = lax.scan(improve, jnp.nan_to_num(init), jnp.stack(noise))
    return mean, loss_of(mean), history


def fittest(actions: Array, loss: Array, count: int) -> tuple[Array, Array]:
    """The ``count`` of ``actions`` (B, N, H, A) with the least ``loss`` (B, N), best first, and the least loss (B,)."""
    least, rows = lax.top_k(-jnp.where(jnp.isnan(loss), jnp.inf, loss), count)  # what is not a number comes last
    return jnp.take_along_axis(actions, rows[..., None, None], 1), -least[:, 0]
