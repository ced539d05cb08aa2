"""Tests that need a cloud: the local one, LocalStack, or AWS (`--target`)."""
