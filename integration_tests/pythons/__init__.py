"""Runs demo, fast tests and a story with each other supported Python of this machine: `make pythons`."""
