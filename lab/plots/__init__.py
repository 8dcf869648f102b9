"""Figures and their parts: pure functions of a `Result` or of arrays, so that each can be drawn again from them."""
