"""Operates a table replica: load, backfill, verify, redrive, pause and resume."""
