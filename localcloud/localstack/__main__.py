"""`python -m localcloud.localstack [COMMAND…]`: runs a command against LocalStack's open runtime, without Docker.

The command finds it by AWS_ENDPOINT_URL, and its exit code is the one of this program. Without a command LocalStack
runs until ^C; `--check` says what is missing here, if anything is.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from localcloud import server
from localcloud.engine.progress import step
from localcloud.errors import LocalCloudError
from localcloud.localstack import hosting, packages
from localcloud.server import LocalCloud
from operations.children import attended, end, exit_code, handled

# pytest takes none but ^C for a reason to clean up.
INTERRUPTED: Mapping[int, int] = dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIGINT)


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    if list(arguments) == ["--check"]:
        return check()
    print(hosting.WHAT_IT_IS, file=sys.stderr, flush=True)
    try:
        with step("localstack", "installing LocalStack") as line:
            installation = packages.install(line)
            line.done(f"LocalStack {packages.VERSION}, {installation.folder}")
        with (
            handled(end, (signal.SIGTERM, signal.SIGHUP)),
            tempfile.TemporaryDirectory(prefix="localstack-") as folder,
            server.start(folder=Path(folder), program=hosting.program(installation)) as cloud,
        ):
            return run(arguments, cloud) if arguments else stay(cloud)
    except LocalCloudError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def check() -> int:
    """Says what this machine lacks; the exit code is 0 when it has everything."""
    lack = packages.missing()
    if lack:
        print(f"LocalStack is left out: {lack}. docs/localstack.md has the ways to have it", file=sys.stderr)
    return 1 if lack else 0


def run(command: Sequence[str], cloud: LocalCloud) -> int:
    """Run the command to its end, which a signal is left to: ^C has pytest tell what it has seen until then."""
    with attended(command, INTERRUPTED, env=environment(cloud, os.environ)) as child:
        pass
    return exit_code(child)


def environment(cloud: LocalCloud, caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables, without what would name another LocalStack."""
    kept = {name: value for name, value in caller.items() if not name.startswith("LOCALSTACK_")}
    return {**kept, "AWS_ENDPOINT_URL": cloud.endpoint}


def stay(cloud: LocalCloud) -> int:
    print(f"It answers at {cloud.endpoint} until ^C. In another shell: export AWS_ENDPOINT_URL={cloud.endpoint}")
    signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
