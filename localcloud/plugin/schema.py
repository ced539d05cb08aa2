"""What `pulumi_aws` itself declares: the inputs and outputs of each resource type, read from its Python classes.

The classes are imported when a type is first used; a program that uses six services loads six of its packages.
"""

import collections.abc
import functools
import importlib
import inspect
import sys
import threading
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import _types

# The package of `pulumi_aws` is named after the module in the token, except where that is a Python keyword.
_PACKAGES = {"lambda": "lambda_"}


@dataclass(frozen=True)
class Scalar:
    """A leaf: `kind` is str, int, float, bool, json, archive, asset or any."""

    kind: str


@dataclass(frozen=True)
class Listing:
    """A list of one type."""

    item: "Type"


@dataclass(frozen=True)
class Map:
    """An object whose keys the user chooses."""

    item: "Type"


@dataclass(frozen=True)
class Object:
    """An object whose properties `pulumi_aws` declares in `source`, one of its classes."""

    source: type

    @property
    def properties(self) -> Mapping[str, "Type"]:
        """The properties by Pulumi name."""
        return _input_properties(self.source)

    @property
    def required(self) -> frozenset[str]:
        """The names of those that must be given."""
        return _required(self.source)


Type = Scalar | Listing | Map | Object


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
    with _loading:
        cls, args = _resource_classes(token)
        outputs = {name: _type(hint) for name, hint in _types.resource_types(cls).items()}
        return ResourceSchema(Object(args), outputs)


def provider_schema() -> Object:
    """What the provider's own configuration may hold."""
    with _loading:
        return Object(importlib.import_module("pulumi_aws").ProviderArgs)


def function_arguments(token: str) -> Mapping[str, str]:
    """The argument names of a function such as `aws:iam/getPolicyDocument:getPolicyDocument`, by Pulumi name."""
    module, _, name = token.removeprefix("aws:").rpartition(":")
    with _loading:
        function = getattr(importlib.import_module(_package(module.split("/")[0])), _snake(name))
    return {_camel(argument): argument for argument in inspect.signature(function).parameters if argument != "opts"}


def _resource_classes(token: str) -> tuple[type, type]:
    module, _, name = token.removeprefix("aws:").rpartition(":")
    package = importlib.import_module(_package(module.split("/")[0]))
    cls = getattr(package, name, None)
    if cls is None or getattr(cls, "pulumi_type", token) != token:
        raise LookupError(f"pulumi_aws has no resource type {token}.")
    # Where a nested input type has taken the usual name (s3.BucketVersioningArgs), the resource's is called InitArgs.
    home = sys.modules[cls.__module__]
    return cls, getattr(home, f"{name}InitArgs", None) or getattr(home, f"{name}Args")


def _package(module: str) -> str:
    return "pulumi_aws" if module == "index" else f"pulumi_aws.{_PACKAGES.get(module, module)}"


@functools.cache
def _input_properties(cls: type) -> Mapping[str, Type]:
    return {name: _type(hint) for name, hint in _types.input_type_types(cls).items()}


@functools.cache
def _required(cls: type) -> frozenset[str]:
    names = _types.input_type_py_to_pulumi_names(cls)
    parameters = list(inspect.signature(cls).parameters.values())
    return frozenset(names[p.name] for p in parameters if p.name in names and p.default is inspect.Parameter.empty)


_SCALARS: Mapping[Any, Scalar] = {
    str: Scalar("str"),
    int: Scalar("int"),
    float: Scalar("float"),
    bool: Scalar("bool"),
    Any: Scalar("any"),
    pulumi.Archive: Scalar("archive"),
    pulumi.Asset: Scalar("asset"),
}


def _type(hint: Any) -> Type:
    members = _members(hint)
    if str in members and any(_is_object(member) for member in members):
        return Scalar("json")  # a policy document: given as text, or as an object that becomes text
    if pulumi.Asset in members and pulumi.Archive in members:
        return Scalar("asset")
    hint = str if str in members else members[0]
    origin = typing.get_origin(hint)
    if origin is collections.abc.Sequence:
        return Listing(_type(typing.get_args(hint)[0]))
    if origin is collections.abc.Mapping:
        return Map(_type(typing.get_args(hint)[1]))
    return _SCALARS.get(hint) or Object(hint)


def _members(hint: Any) -> list[Any]:
    if typing.get_origin(hint) is not typing.Union:
        return [hint]
    plumbing = (collections.abc.Awaitable, pulumi.Output)
    return [
        member
        for arm in typing.get_args(hint)
        if arm is not type(None) and typing.get_origin(arm) not in plumbing
        for member in _members(arm)
    ]


def _is_object(hint: Any) -> bool:
    return inspect.isclass(hint) and (_types.is_input_type(hint) or typing.is_typeddict(hint))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)
