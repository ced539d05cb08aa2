"""Stories of the data lake, in one account and across two."""
