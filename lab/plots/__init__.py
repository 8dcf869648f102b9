"""Figures: pure functions of a `Result`, so that each can be drawn again from its tables."""
