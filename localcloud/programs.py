"""What is executed as a cloud on this machine: which module, in which interpreter, with which variables."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud import ports
from localcloud.engine.layout import checkout

# All that such a process sees of its caller's environment: no credentials, no profiles, no proxies, no Python settings.
INHERITED_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SSL_CERT_FILE", "SYSTEMROOT")


def emulator_environment(port: int, folder: Path) -> dict[str, str]:
    """The emulator's variables."""
    return {
        "AUTH": "true",
        "BIND_HOST": ports.LOOPBACK,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_HOST": ports.LOOPBACK,
        "S3_DATA_DIR": str(folder / "s3"),
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder / "state"),
    }


@dataclass(frozen=True)
class Program:
    """A module that serves AWS's APIs; `own_environment` makes its variables from its port and its folder.

    `name` is what messages call it. It has `start_timeout_s` to answer, and `stop_timeout_s` to save and to end what it
    started before it is killed.
    """

    name: str
    module: str
    own_environment: Callable[[int, Path], dict[str, str]] = emulator_environment
    python: Path = Path(sys.executable)
    start_timeout_s: float = 20.0
    stop_timeout_s: float = 5.0

    def environment(self, port: int, folder: Path, caller: Mapping[str, str]) -> dict[str, str]:
        """All variables of the process, built from nothing but an allow-list of the caller's."""
        inherited = {name: caller[name] for name in INHERITED_VARIABLES if name in caller}
        common = {
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(checkout().project),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(folder / "tmp"),
        }
        return inherited | common | self.own_environment(port, folder)


LOCAL_CLOUD = Program("the local cloud", "localcloud.emulator")
# What the additions are worth shows without them.
PLAIN_EMULATOR = Program("the plain emulator", "ministack")
