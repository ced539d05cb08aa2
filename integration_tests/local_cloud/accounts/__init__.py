"""Who may do what across accounts, and under whose keys."""
