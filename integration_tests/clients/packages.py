"""The clients that are packages of their own: where they are in the user's cache folder, and how they get there.

They are no requirements of this project, whose own packages they must not meet: each has a folder for itself.
"""

import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from localcloud.engine.command import run
from localcloud.engine.layout import cache_folder
from localcloud.engine.locks import locked
from localcloud.engine.progress import Step
from localcloud.setup_steps import NETWORK_ADVICE, PIP_OPTIONS

COMMAND = "make clients"


@dataclass(frozen=True)
class Download(ABC):
    """What is downloaded once for all checkouts of a user."""

    name: str
    version: str
    what: str

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where it is, in the user's cache folder."""

    @abstractmethod
    def get(self, work: Path, step: Step) -> None:
        """Put it into the empty folder `work`; into none where something is missing. Raises SetupError."""

    @property
    def is_there(self) -> bool:
        return self.folder.is_dir()

    def fetch(self, step: Step) -> None:
        """Download it, unless it is there. Raises SetupError."""
        lock = self.folder.with_name(f"{self.folder.name}.lock")
        with locked(lock, on_wait=lambda: step.progress("another one is at it; waiting")):
            if self.is_there:
                return
            # Only what is whole gets its name.
            with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=f"download-{self.name}-") as temporary:
                work = Path(temporary) / "work"
                work.mkdir()
                self.get(work, step)
                if any(work.iterdir()):
                    shutil.move(work, self.folder)


@dataclass(frozen=True)
class Package(Download):
    """A distribution of the Python package index; `options` are more of pip's."""

    options: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """What to put on PYTHONPATH. Compiled modules are for one version of Python."""
        python = f"py{sys.version_info.major}.{sys.version_info.minor}"
        return cache_folder() / f"client-{self.name}-{self.version}-{python}"

    def get(self, work: Path, step: Step) -> None:
        run(
            [
                *(sys.executable, "-m", "pip", "install", *PIP_OPTIONS, *self.options),
                *("--target", work, f"{self.name}=={self.version}"),
            ],
            on_line=lambda line: step.progress(line.strip()[:100]),
            advice=NETWORK_ADVICE,
        )


AWS_CLI = Package("awscli", "1.46.3", "the AWS CLI")
# While it is built it downloads the Kinesis Client Library and the AWS SDK for Java 2 from Maven Central. Its Python
# part needs nothing else: boto3 is for its samples.
KCL = Package("amazon_kclpy", "3.1.3", "the Kinesis Client Library with the AWS SDK for Java 2", ("--no-deps",))
PACKAGES = (AWS_CLI, KCL)


def jars() -> str:
    """The Java class path of the Kinesis Client Library and the AWS SDK for Java 2."""
    return str(KCL.folder / "amazon_kclpy" / "jars" / "*")
