"""Set-up: everything a `make` target needs, from a clean checkout and a Python alone.

`python3 -m localcloud.setup <target>` runs before anything is installed, so this module and what it imports use the
standard library only. Each step remembers in a stamp what it was done for; a second run compares stamps and is over
in a moment.
"""

import sys

OLDEST_PYTHON = (3, 11)
if sys.version_info < OLDEST_PYTHON:
    sys.exit(
        f"Tributary needs Python 3.11 or later, and this is {sys.version.split()[0]}. Install a newer one and name it: "
        "`make PYTHON=python3.13 demo`"
    )

import time  # noqa: E402  the version is checked first: older Pythons cannot read what follows

from localcloud.engine.layout import Layout, cache_folder, checkout  # noqa: E402
from localcloud.engine.locks import locked  # noqa: E402
from localcloud.engine.progress import step  # noqa: E402
from localcloud.errors import SetupError  # noqa: E402
from localcloud.setup_steps import (  # noqa: E402
    ENVIRONMENT,
    PACKAGES,
    PLUGINS,
    PROJECT,
    PULUMI,
    SERVERS,
    TOOLS,
    SetupStep,
)

_RUN = (ENVIRONMENT, PACKAGES, PROJECT, PULUMI, PLUGINS)
_DEVELOP = (ENVIRONMENT, PACKAGES, TOOLS, PROJECT, PULUMI, PLUGINS)

# What each `make` target needs, in the order in which it is done.
TARGETS: dict[str, tuple[SetupStep, ...]] = {
    "demo": _RUN,
    "shell": _RUN,
    "test": (*_DEVELOP, SERVERS),
    "bench": (*_DEVELOP, SERVERS),
    "check": (ENVIRONMENT, PACKAGES, TOOLS, PROJECT),
    "format": (ENVIRONMENT, PACKAGES, TOOLS),
}


def set_up(target: str, layout: Layout) -> list[str]:
    """Does the steps of a target that are not done yet; their names. Raises SetupError and KeyError."""
    steps = TARGETS[target]
    if not pending(steps, layout):
        return []
    done = []
    waiting = "another set-up of this checkout is at work; waiting for it to end"
    with locked(layout.private / "setup.lock", on_wait=lambda: print(waiting, file=sys.stderr)):
        for current in steps:
            # A step may undo the stamps of later ones (a new virtual environment has none): look at each in its turn.
            if pending((current,), layout):
                with step(current.name, current.what) as line:
                    result = current.do(layout, line)
                    current.stamp(layout).parent.mkdir(parents=True, exist_ok=True)
                    current.stamp(layout).write_text(current.key(layout))
                    line.done(result)
                done.append(current.name)
    return done


def pending(steps: tuple[SetupStep, ...], layout: Layout) -> list[SetupStep]:
    """The steps whose result is missing, or was made for something else than is wanted now."""
    return [step for step in steps if not step.is_done(layout)]


def main(arguments: list[str]) -> int:
    """The exit code: 0 when the target's own work can begin."""
    began = time.monotonic()
    if len(arguments) != 1 or arguments[0] not in TARGETS:
        print(f"usage: python3 -m localcloud.setup {{{','.join(TARGETS)}}}", file=sys.stderr)
        return 2
    try:
        done = set_up(arguments[0], checkout())
    except SetupError as error:
        print(f"\nset-up for `make {arguments[0]}` failed: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(
            f"\nset-up for `make {arguments[0]}` failed: {where}. It writes into this checkout and into "
            f"{cache_folder()}: whoever types this must own both, or name another cache by `export XDG_CACHE_HOME=…`",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nset-up was interrupted; the same command continues it", file=sys.stderr)
        return 130
    if done:
        print(f"set-up         complete ({time.monotonic() - began:.1f} s)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
