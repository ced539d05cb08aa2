"""What can go wrong between a machine and its local cloud.

LocalCloudError
├── SetupError (RuntimeError)       something that set-up needs cannot be had
├── PortInUseError (OSError)        another program listens on the port asked for
├── StartError (RuntimeError)       the local cloud's process ended, or did not answer in time
├── NotRunningError (ConnectionError)  nothing that answers as a local cloud is at the endpoint
└── ProjectError (RuntimeError)     the folder is not a project whose stacks can be run here

Every message says what was wrong, where, and what to type next; nobody needs a traceback to act on it.
"""

__all__ = ["LocalCloudError", "NotRunningError", "PortInUseError", "ProjectError", "SetupError", "StartError"]


class LocalCloudError(Exception):
    """The root of this package's errors."""


class SetupError(LocalCloudError, RuntimeError):
    """Something that set-up needs cannot be had."""


class PortInUseError(LocalCloudError, OSError):
    """Another program listens on the port asked for."""


class StartError(LocalCloudError, RuntimeError):
    """The local cloud's process ended, or did not answer in time."""


class NotRunningError(LocalCloudError, ConnectionError):
    """Nothing that answers as a local cloud is at the endpoint."""


class ProjectError(LocalCloudError, RuntimeError):
    """The folder is not a project whose stacks can be run here."""
