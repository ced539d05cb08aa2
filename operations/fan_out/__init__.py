"""The fan-out platform's own verbs: `tributary fanout …`, and what is peculiar to it in those of all kinds."""
