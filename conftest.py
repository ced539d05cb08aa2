"""Bytecode is kept for the next run, whatever the environment says: to compile what is imported takes a minute."""

import os
import sys

# Here for this process; in the environment for what the tests start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
