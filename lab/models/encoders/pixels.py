"""The picture at a quarter of its size, projected. For comparison alone: no shipped model has it."""

from lab.models.encoders.pyramid import Pyramid


class Pixels(Pyramid):
    """Components of pixels are what the best linear autoencoder keeps.

    Their distance soon stops growing: two dots that do not overlap are about as far apart wherever they are.
    """

    kind = "pixels"
    sigmas = (2.0,)
    grid = 16
