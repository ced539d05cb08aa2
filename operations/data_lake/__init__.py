"""Operates a data lake: query, backfill, verify, repair, redrive, pause and resume."""
