"""Writes the rows of a table's export into its replica, one file of the export in each run."""
