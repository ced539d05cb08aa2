"""Where set-up puts things: a folder of the checkout for what depends on it, the user's cache for what does not.

Nothing is written into the user's own `~/.pulumi`, so an installation of Pulumi that is there stays as it is.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders of one checkout."""

    project: Path

    @property
    def private(self) -> Path:
        """Everything that set-up and local clouds write into the checkout, next to the virtual environment."""
        return self.project / ".tributary"

    @property
    def python(self) -> Path:
        """The interpreter of the checkout's virtual environment."""
        return self.project / ".venv" / "bin" / "python"

    @property
    def engine(self) -> Path:
        """The Pulumi installation of this checkout: `bin/pulumi`, as the Automation API's PulumiCommand expects it."""
        return self.private / "engine"

    @property
    def pulumi(self) -> Path:
        """The launcher of the CLI, to be put first on PATH."""
        return self.engine / "bin" / "pulumi"

    @property
    def pulumi_home(self) -> Path:
        """PULUMI_HOME: plugins and the selected stack."""
        return self.engine / "home"

    @property
    def clouds(self) -> Path:
        """A folder for each running local cloud."""
        return self.private / "clouds"


def checkout() -> Layout:
    """The layout of the checkout that this module belongs to."""
    return Layout(Path(__file__).resolve().parents[2])


def cache_folder() -> Path:
    """The user's cache folder for Tributary: https://specifications.freedesktop.org/basedir-spec/latest/"""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tributary"
