"""Measured comparisons: every figure is a ratio of two things run side by side in one run, on one machine."""
