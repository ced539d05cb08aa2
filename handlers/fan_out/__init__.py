"""Hands every record of a stream to any number of targets, none of which can hurt another.

source.py    the function on the stream: records -> messages of each target -> direct targets, or their backlogs
drainer.py   the function that works off the backlogs, each target by itself
"""
