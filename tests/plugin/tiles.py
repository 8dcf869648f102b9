"""An encoder from outside of the lab: mean colours of a picture's tiles. All that a plugin needs is in this file."""

from math import isqrt

import torch
from torch.nn.functional import adaptive_avg_pool2d

from lab.models.encoders import Frames, VectorEncoder, to_channels


class Tiles(VectorEncoder):
    """The mean colours, relative to those of the data, of as many tiles as make ``latent_dim`` numbers."""

    kind = "tiles"

    def __init__(self, latent_dim):
        super().__init__(latent_dim)
        self.register_buffer("usual", torch.zeros(latent_dim))

    def forward(self, images):
        return adaptive_avg_pool2d(to_channels(images), isqrt(self.latent_dim // 3)).flatten(1) - self.usual

    def fit(self, frames: Frames, steps, progress=True):
        self.usual += self(frames.sample(self.most_frames)).mean(0)
