"""LocalStack's open runtime in the user's cache folder: an environment of its own, and the Kinesis that it starts.

Nothing of it is a requirement of this project, whose own packages it must not meet. Standard library only.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from localcloud import pythons
from localcloud.engine.command import run
from localcloud.engine.layout import cache_folder
from localcloud.engine.locks import locked
from localcloud.engine.progress import Step
from localcloud.errors import SetupError
from localcloud.setup_steps import NETWORK_ADVICE, PIP_OPTIONS, digest

# The last one that is open source: https://github.com/localstack/localstack was archived with it.
VERSION = "2026.3.0"
# The syntax of its modules needs 3.12; packages that it pins have no wheels for what is newer than 3.13.
OLDEST, TOO_NEW = (3, 12), (3, 14)
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
# https://www.npmjs.com/package/kinesis-local, in the version that LocalStack would install.
KINESIS = "kinesis-local"
KINESIS_VERSION = "0.5.2"
NODE_TOOLS = ("node", "npm")


@dataclass(frozen=True)
class Installation:
    """An environment with LocalStack in it, and beside it the folder `node` with kinesis-local."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def kinesis(self) -> Path:
        """What LocalStack looks for below its own folder of libraries."""
        return self.folder / KINESIS


def missing() -> str | None:
    """What this machine lacks to run LocalStack without Docker; None when it has all."""
    if pythons.newest(OLDEST, TOO_NEW) is None:
        there = ", ".join(".".join(map(str, python.version)) for python in pythons.found()) or "none"
        return f"LocalStack needs Python 3.12 or 3.13, and the Pythons here are: {there}"
    lacking = [tool for tool in NODE_TOOLS if shutil.which(tool) is None]
    return f"LocalStack's Kinesis needs Node.js, and {' and '.join(lacking)} is not on PATH" if lacking else None


def installation() -> Installation:
    """Where it is, or will be, for the newest Python that fits. Raises SetupError when something else is missing."""
    if lack := missing():
        raise SetupError(f"{lack}. Install it, or use a LocalStack in Docker: docs/localstack.md says how")
    python = pythons.newest(OLDEST, TOO_NEW)
    assert python is not None
    kind = f"py{python.version[0]}.{python.version[1]}-{digest(CONSTRAINTS, KINESIS_VERSION)[:8]}"
    return Installation(cache_folder() / f"localstack-{VERSION}-{kind}")


def install(step: Step) -> Installation:
    """Make it, unless it is there. Raises SetupError."""
    made = installation()
    lock = made.folder.with_name(f"{made.folder.name}.lock")
    with locked(lock, on_wait=lambda: step.progress("another one is at it; waiting")):
        if not made.kinesis.exists():
            # An environment cannot be moved once it is made, so the part that is put in its place last tells.
            shutil.rmtree(made.folder, ignore_errors=True)
            _make_environment(made, step)
            _fetch_kinesis(made, step)
    return made


def _make_environment(made: Installation, step: Step) -> None:
    python = pythons.newest(OLDEST, TOO_NEW)
    assert python is not None
    advice = "Name another Python by putting it first on PATH."
    run([python.path, "-m", "venv", "--clear", made.python.parents[1]], advice=advice)
    wanted = f"localstack-core[runtime]=={VERSION}"
    run(
        [made.python, "-m", "pip", "install", *PIP_OPTIONS, "--constraint", CONSTRAINTS, wanted],
        on_line=lambda line: step.progress(line.strip()[:100]),
        advice=NETWORK_ADVICE,
    )


def _fetch_kinesis(made: Installation, step: Step) -> None:
    step.progress(KINESIS)
    with tempfile.TemporaryDirectory(dir=made.folder, prefix="npm-") as temporary:
        target = Path(temporary) / KINESIS
        run(
            ["npm", "install", "--no-audit", "--no-fund", "--prefix", target, f"{KINESIS}@{KINESIS_VERSION}"],
            advice="Check that this machine reaches the npm registry, and run the same command again.",
        )
        shutil.move(target, made.kinesis)
