"""Plugins of LocalStack's runtime, found through entry points: imported by LocalStack, in its own interpreter.

Beside LocalStack there is `localcloud.sandbox` here, and nothing of what this project requires.
"""
