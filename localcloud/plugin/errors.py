"""What the plugin refuses or fails at.

PluginError (Exception)
  ConfigurationError (ValueError)   the provider's configuration cannot work; nothing was deployed
  WrongAccountError (PermissionError)    the credentials are for an account that the stack excludes
  UnknownResourceError (LookupError)     a resource type or function that this plugin does not cover
  OperationError (RuntimeError)    AWS refused, or did not get ready in time
"""

from botocore.exceptions import ClientError

__all__ = [
    "ConfigurationError",
    "OperationError",
    "PluginError",
    "UnknownResourceError",
    "WrongAccountError",
    "code_of",
    "is_missing",
]


class PluginError(Exception):
    """The base of every error whose message is meant for the user as it is."""


class ConfigurationError(PluginError, ValueError):
    """The provider's configuration cannot work."""


class WrongAccountError(PluginError, PermissionError):
    """The credentials belong to an account that `allowedAccountIds` or `forbiddenAccountIds` excludes."""


class UnknownResourceError(PluginError, LookupError):
    """A resource type or function outside this plugin's table."""


class OperationError(PluginError, RuntimeError):
    """AWS refused a call, or what it made did not become usable in time."""


_MISSING = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "404")


def code_of(error: Exception) -> str:
    """The error code that AWS gave, or an empty text."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def is_missing(error: Exception) -> bool:
    """Whether AWS says that the thing is not there."""
    return any(sign in code_of(error) for sign in _MISSING)
