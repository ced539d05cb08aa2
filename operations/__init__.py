"""The `tributary` command: what an operator does before, during and after a deployment."""
