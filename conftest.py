"""What holds for every test, whatever the environment says.

Bytecode is kept for the next run: to compile what is imported takes a minute. How long an example of a property takes,
or is made, is the machine's: it decides nothing.
"""

import os
import sys

from hypothesis import HealthCheck, settings

# Here for this process; in the environment for what the tests start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# On top of Hypothesis' own profile, which makes the same examples each time where CI is set.
settings.register_profile(
    "machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("machine")
