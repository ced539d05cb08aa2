"""What the `tributary` command does for data lakes."""
