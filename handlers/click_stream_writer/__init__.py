"""Writes the items of the copied table into a table keyed by user and time, for reading one user's clicks in order."""
