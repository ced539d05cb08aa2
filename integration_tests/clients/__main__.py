"""`make clients`: downloads the clients that the stories of this folder run: 200 MB in the user's cache folder."""

import sys

from integration_tests.clients.packages import PACKAGES
from localcloud.engine.progress import step
from localcloud.errors import SetupError


def main() -> int:
    """The exit code."""
    try:
        for package in PACKAGES:
            with step(package.name, f"getting {package.what}") as line:
                package.fetch(line)
                line.done(f"{package.what}, {package.folder}")
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
