"""What `pulumi_aws` itself declares: the inputs and outputs of each resource type, read from its Python classes.

Importing those classes takes longer than most deployments, so what is read is kept in the user's cache folder, by the
version of `pulumi_aws`. Without a usable cache everything works the same, a second or two later.
"""

import functools
import importlib.metadata
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.engine.layout import cache_folder
from localcloud.plugin.types import Object, Type, from_data, to_data

# Raise it when the form of the cached files changes.
_FORMAT = 1


@dataclass(frozen=True)
class ResourceSchema:
    """The inputs that a resource type takes and the outputs that it has."""

    inputs: Object
    outputs: Mapping[str, Type]


# `pulumi_aws` loads its packages lazily, which is not safe when two threads ask for the same one at once.
_loading = threading.RLock()


@functools.cache
def resource_schema(token: str) -> ResourceSchema:
    """The declaration of a resource type, e.g. `aws:dynamodb/table:Table`.

    Raises
    ------
    LookupError
        If `pulumi_aws` has no such class.
    """
    declared = _declaration(token)
    outputs = from_data(declared["outputs"])
    inputs = from_data(declared["inputs"])
    if not isinstance(inputs, Object) or not isinstance(outputs, Object):
        raise LookupError(f"The cached declaration of {token} cannot be read: delete {_cache(token)}.")
    return ResourceSchema(inputs, outputs.properties)


@functools.cache
def provider_schema() -> Object:
    """What the provider's own configuration may hold."""
    return resource_schema("pulumi:providers:aws").inputs


def function_arguments(token: str) -> frozenset[str]:
    """The argument names of a function such as `aws:iam/getPolicyDocument:getPolicyDocument`."""
    return frozenset(_declaration(token)["arguments"])


def _declaration(token: str) -> dict[str, Any]:
    with _loading:
        cached = _cache(token)
        try:
            return dict(json.loads(cached.read_text()))
        except (OSError, ValueError):
            declared = _read(token)
            _keep(cached, declared)
            return declared


def _read(token: str) -> dict[str, Any]:
    from localcloud.plugin import declarations  # imports the SDK, which the cache is there to avoid

    if ":get" in token:
        return {"arguments": declarations.function_arguments(token)}
    inputs, outputs = declarations.resource_types(token)
    return {"inputs": to_data(inputs), "outputs": to_data(outputs)}


def _cache(token: str) -> Path:
    version = importlib.metadata.version("pulumi_aws")
    return (
        cache_folder() / f"pulumi-aws-{version}-types-{_FORMAT}" / f"{token.replace('/', '.').replace(':', '.')}.json"
    )


def _keep(cached: Path, declared: Mapping[str, Any]) -> None:
    part = cached.with_suffix(f".{os.getpid()}.part")
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(declared))
        part.replace(cached)
    except OSError:  # a read-only home is no reason to fail: the classes are read each time
        return
