"""Sending records through a cross-account copy and comparing what arrives with what was sent."""
