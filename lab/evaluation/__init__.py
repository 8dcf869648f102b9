"""Measurements: success, the train-test gap, the loss landscape, and their intervals."""
