"""The classes of the engine's protocol, from the Pulumi SDK but without the SDK, which takes longer to import than
everything else in a language host or a plugin, each of which starts anew for every command.

Importing `pulumi.runtime.proto` executes the packages around it first, which are the SDK. Here they are empty while
that is imported; a later `import pulumi` finds the whole SDK.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

__all__ = [
    "CHANNEL_OPTIONS",
    "language_pb2",
    "language_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "status_pb2",
]


@contextmanager
def _empty_packages() -> Iterator[None]:
    """Puts empty packages in the places of `pulumi` and `pulumi.runtime`, unless the SDK is imported already."""
    spec = importlib.util.find_spec("pulumi") if "pulumi" not in sys.modules else None
    if spec is None or spec.origin is None:
        yield
        return
    folder = Path(spec.origin).parent
    packages = {"pulumi": folder, "pulumi.runtime": folder / "runtime"}
    for name, path in packages.items():
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(path)]
    try:
        yield
    finally:
        for name in packages:
            del sys.modules[name]


with _empty_packages():
    from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS as CHANNEL_OPTIONS
    from pulumi.runtime.proto import (
        language_pb2,
        language_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        status_pb2,
    )
