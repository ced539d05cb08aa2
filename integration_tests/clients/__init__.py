"""Clients that other people wrote, each at its main job against the local cloud: what they take for AWS, is.

They are downloaded by `make clients` into the user's cache folder and skipped where they are not.
"""
