"""Sending records through a cross-account copy, and comparing what its ends hold."""
