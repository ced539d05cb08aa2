"""The local cloud's process: `python -m localcloud.emulator` runs the pinned emulator with this project's additions.

Configured by the emulator's own environment variables (GATEWAY_PORT, BIND_HOST, AUTH, STATE_DIR, …);
`localcloud.server` sets them.
"""

import sys

from localcloud.emulator.additions import install_all
from localcloud.emulator.patching import check_version


def main() -> None:
    check_version()
    install_all()
    from ministack import app

    sys.argv = [sys.argv[0]]
    app.main()


if __name__ == "__main__":
    main()
