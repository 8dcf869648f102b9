"""Rollouts of a frozen `ResidualMLP`, forwards and backwards by hand: the same numbers as autograd's, sooner.

Planning differentiates for actions alone, through the same few operators hundreds of times. Written out, they are
spared autograd's and the modules' bookkeeping, which takes longer than the arithmetic where a batch is small.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from lab.models.predictor import ResidualMLP

normalise = torch.native_layer_norm
normalise_backward = torch.ops.aten.native_layer_norm_backward.default
gelu_backward = torch.ops.aten.gelu_backward.default
MANY = 2**14  #: numbers, from which on several quick passes take less time than one slow one
ROOT = math.sqrt(2 / math.pi)
INPUT_ALONE = [True, False, False]  #: of a normalisation's three gradients


class Layer(NamedTuple):
    """One hidden layer: a linear map and a normalisation; a GELU follows."""

    weight: Tensor
    bias: Tensor
    shape: list[int]
    scale: Tensor
    shift: Tensor
    epsilon: float


def may_unroll(predictor: "ResidualMLP", z0: Tensor) -> bool:
    """Whether nobody wants a gradient for the weights or the start; a compiler does it better on its own."""
    if torch.compiler.is_compiling():
        return False
    return not torch.is_grad_enabled() or not (z0.requires_grad or any(p.requires_grad for p in predictor.parameters()))


def rollout(predictor: "ResidualMLP", z0: Tensor, actions: Tensor) -> Tensor:
    """Imagine ``actions`` (..., H, A) from ``z0`` (..., Z); returns (..., H + 1, Z). Gradients reach actions alone."""
    layers, head = _layers(predictor), predictor.head
    if torch.is_grad_enabled() and actions.requires_grad:
        return _Rollout.apply(actions, z0, layers, (head.weight, head.bias))
    return _forward(z0, actions, layers, (head.weight, head.bias))


class _Rollout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, actions: Tensor, z0: Tensor, layers: list[Layer], head: tuple[Tensor, Tensor]) -> Tensor:
        ctx.layers, ctx.head, ctx.saved = layers, head, []
        return _forward(z0, actions, layers, head, ctx.saved)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return _backward(gradient, ctx.layers, ctx.head, ctx.saved), None, None, None


def _forward(
    z0: Tensor, actions: Tensor, layers: list[Layer], head: tuple[Tensor, Tensor], saved: list | None = None
) -> Tensor:
    """The trajectory; step by step and layer by layer, what the way back needs is added to ``saved``."""
    z = z0.reshape(-1, z0.shape[-1])
    trajectory = [z]
    for action in actions.reshape(-1, *actions.shape[-2:]).unbind(1):
        x = torch.cat((z, action), 1)
        for weight, bias, shape, scale, shift, epsilon in layers:
            before = F.linear(x, weight, bias)
            after, mean, rstd = normalise(before, shape, scale, shift, epsilon)
            x = gelu(after) if saved is None and after.numel() >= MANY else F.gelu(after, approximate="tanh")
            if saved is not None:
                saved.append((before, after, mean, rstd))
        z = z + F.linear(x, *head)
        trajectory.append(z)
    return torch.stack(trajectory, 1).view(*z0.shape[:-1], len(trajectory), -1)


def gelu(x: Tensor) -> Tensor:
    """`F.gelu` by tanh, to the last few bits, in half its time: (1 + tanh u) / 2 is sigmoid 2u, which is vectorised."""
    u = torch.addcmul(x.new_tensor(2 * ROOT), x, x, value=2 * ROOT * 0.044715)
    return u.mul_(x).sigmoid_().mul_(x)


def _backward(gradient: Tensor, layers: list[Layer], head: tuple[Tensor, Tensor], saved: list) -> Tensor:
    """The gradient (..., H, A) for the actions, from that for the trajectory (..., H + 1, Z)."""
    size, weight_out = gradient.shape[-1], head[0]
    arriving = gradient.reshape(-1, *gradient.shape[-2:]).unbind(1)
    z, actions, steps, downwards = arriving[-1], [], reversed(saved), layers[::-1]
    for arrived in reversed(arriving[:-1]):
        x = torch.mm(z, weight_out)
        for weight, _, shape, scale, shift, _ in downwards:
            before, after, mean, rstd = next(steps)
            x = gelu_backward(x, after, approximate="tanh")
            x = normalise_backward(x, before, shape, mean, rstd, scale, shift, INPUT_ALONE)[0]
            x = torch.mm(x, weight)
        z = arrived + z + x[:, :size]
        actions.append(x[:, size:])
    actions.reverse()
    return torch.stack(actions, 1).view(*gradient.shape[:-2], len(actions), -1)


def _layers(predictor: "ResidualMLP") -> list[Layer]:
    body = list(predictor.body)
    pairs = zip(body[0::3], body[1::3], strict=True)
    return [
        Layer(linear.weight, linear.bias, list(norm.normalized_shape), norm.weight, norm.bias, norm.eps)
        for linear, norm in pairs
    ]
