"""`make clients`: downloads the clients and servers of others that stories run: 250 MB in the user's cache folder."""

import sys

from integration_tests.clients.packages import PACKAGES, Download
from integration_tests.servers.opensearch import OPENSEARCH
from localcloud.engine.progress import step
from localcloud.errors import SetupError

DOWNLOADS: tuple[Download, ...] = (*PACKAGES, OPENSEARCH)


def main() -> int:
    """The exit code."""
    try:
        for download in DOWNLOADS:
            with step(download.name, f"getting {download.what}") as line:
                download.fetch(line)
                line.done(f"{download.what}, {download.folder if download.is_there else 'left out: see docs'}")
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
