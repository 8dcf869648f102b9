"""The paper's predictor: a vision transformer over the patch tokens of a few past frames.

As in the authors' ``models/vit.py`` and ``models/visual_world_model.py``, every token holds its patch's channels and an
embedding of proprioception and action, and attention is causal by frame. Differences: the output is a change that
starts at zero, as in `ResidualMLP` (not with ``residual`` off, as in imported models); proprioception is the mean over
the outputs of all patches, where the authors predict a copy in each; there is no dropout.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from lab.errors import LabError

EMBEDDING = 20  #: size of the embedding of proprioception and action in a token
HEAD = 64  #: size of an attention head
TOKENS = 2**12  #: imagined in one batch, which bounds the memory


class PatchTransformer(nn.Module):
    """z -> next z, where z has ``patches`` x ``channels`` picture numbers followed by ``proprio_dim`` others.

    It sees up to ``history`` frames; each pair of frame and position has a learned embedding.
    """

    kind = "patches"

    def __init__(
        self,
        patches: int,
        channels: int,
        proprio_dim: int,
        action_dim: int,
        *,
        history: int = 3,
        layers: int = 6,
        heads: int = 16,
        hidden: int = 2048,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.patches, self.channels, self.history, self.residual = patches, channels, history, residual
        width = channels + EMBEDDING
        self.embed = nn.Linear(proprio_dim + action_dim, EMBEDDING)
        self.position = nn.Parameter(torch.randn(history, patches, width))
        self.blocks = nn.Sequential(*[Block(width, heads, hidden) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, channels + proprio_dim)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, z: Tensor, action: Tensor) -> Tensor:
        """The next state of each of the states ``z`` (..., T, Z) under ``action`` (..., T, A), T <= ``history``.

        Each is predicted from itself and from earlier states alone. Raises LabError for more states than the history.
        """
        frames = z.shape[-2]
        if frames > self.history:
            raise LabError(f"The predictor sees {self.history} frames at most, not {frames}.")
        flat, split = z.reshape(-1, *z.shape[-2:]), self.patches * self.channels
        embedded = self.embed(torch.cat([flat[..., split:], action.reshape(len(flat), frames, -1)], -1))
        seen = flat[..., :split].unflatten(-1, (self.patches, self.channels))
        x = torch.cat([seen, embedded[:, :, None].expand(-1, -1, self.patches, -1)], -1) + self.position[:frames]
        out = self.head(self.norm(self.blocks(x)))
        following = torch.cat([out[..., : self.channels].flatten(-2), out[..., self.channels :].mean(-2)], -1)
        return (flat + following if self.residual else following).view(z.shape)

    def step(self, z: Tensor, action: Tensor) -> Tensor:
        """The next state (..., Z) of ``z`` (..., Z), without a past, after ``action`` (..., A)."""
        return self(z[..., None, :], action[..., None, :])[..., 0, :]

    def rollout(self, z0: Tensor, actions: Tensor) -> Tensor:
        """Imagine ``actions`` (..., H, A) from ``z0`` (..., Z); returns (..., H + 1, Z).

        The first step sees the start alone, later ones up to the whole history. Rows are imagined in parts, which
        bounds the memory; for gradients, a part is imagined again in the backward pass (gradient checkpointing).
        """
        starts, blocks = z0.reshape(-1, z0.shape[-1]), actions.reshape(-1, *actions.shape[-2:])
        rows = max(1, TOKENS // (self.history * self.patches))
        parts = list(zip(starts.split(rows), blocks.split(rows), strict=True))
        if torch.is_grad_enabled() and len(parts) > 1:
            trajectories = [
                checkpoint(self._imagine, *part, use_reentrant=False, preserve_rng_state=False) for part in parts
            ]
        else:
            trajectories = [self._imagine(*part) for part in parts]
        return torch.cat(trajectories).view(*z0.shape[:-1], -1, z0.shape[-1])

    def _imagine(self, z0: Tensor, actions: Tensor) -> Tensor:
        """See `rollout`, for (B, Z) and (B, H, A)."""
        trajectory = [z0]
        for last in range(actions.shape[1]):
            first = max(0, last + 1 - self.history)
            past = torch.stack(trajectory[first:], 1)
            trajectory.append(self(past, actions[:, first : last + 1])[:, -1])
        return torch.stack(trajectory, 1)


class Block(nn.Module):
    """Attention and a perceptron over tokens (B, T, P, W), each around a skip connection and after a normalisation."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * heads * HEAD, bias=False)
        self.out = nn.Linear(heads * HEAD, width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.out(self._attend(self.before_attention(x)))
        return x + self.perceptron(x)

    def _attend(self, x: Tensor) -> Tensor:
        """What the heads gather (B, T, P, heads * HEAD): a frame's patches look at its own and at earlier frames.

        Frames are attended one by one, so that no mask is needed.
        """
        parts = self.queries_keys_values(x).unflatten(-1, (3, self.heads, HEAD))
        q, k, v = parts.movedim((3, 4), (0, 2)).unbind()  # (B, heads, T, P, HEAD)
        gathered = [
            F.scaled_dot_product_attention(q[:, :, t], k[:, :, : t + 1].flatten(2, 3), v[:, :, : t + 1].flatten(2, 3))
            for t in range(x.shape[1])
        ]
        return torch.stack(gathered, 1).transpose(2, 3).flatten(-2)
