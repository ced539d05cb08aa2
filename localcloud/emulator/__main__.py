"""The local cloud's process: `python -m localcloud.emulator` runs the pinned emulator with this project's additions.

Configured by the emulator's own environment variables (GATEWAY_PORT, BIND_HOST, AUTH, STATE_DIR, …);
`localcloud.server` sets them.
"""

import gc
import os
import sys

from localcloud.emulator.additions import install_all
from localcloud.emulator.patching import check_version
from localcloud.engine.keeping import keep

# Python's thresholds are for fewer objects: items and requests are many small ones and hardly ever in cycles, and
# looking for cycles as often as by default takes a tenth of the time of a batch.
GC_THRESHOLDS = (100_000, 50, 100)


def main() -> None:
    check_version()
    gc.set_threshold(*GC_THRESHOLDS)
    install_all()
    from ministack import app

    keep(int(os.environ["GATEWAY_PORT"]))
    sys.argv = [sys.argv[0]]
    app.main()


if __name__ == "__main__":
    main()
