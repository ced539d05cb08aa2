"""`python -m tests.policies`: what the linter says of the policies; exit code 1 when it says what is not meant."""

import sys

from tests.policies.linting import complaints, unexpected
from tests.policies.rendered import policies

if __name__ == "__main__":
    rendered = list(policies())
    found = list(unexpected(complaints(rendered)))
    print(*found, f"{len(rendered)} policies checked, {len(found)} mistakes", sep="\n")
    sys.exit(1 if found else 0)
