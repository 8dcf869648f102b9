"""Frozen encoders, one in a file: how each sees pictures, and how it is fitted to those of the offline data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
