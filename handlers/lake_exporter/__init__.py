"""Brings the files of a table's export to a data lake: into the stream of the changes, or as rows beside the lake."""
