"""Reads the types of resources, provider and functions from the classes of `pulumi_aws`."""

import collections.abc
import importlib
import inspect
import sys
import typing
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import _types

from localcloud.plugin.types import Listing, Map, Object, Scalar, Type

# The package of `pulumi_aws` is named after the module in the token, except where that is a Python keyword.
_PACKAGES = {"lambda": "lambda_"}
_PROVIDER = "pulumi:providers:aws"


def resource_types(token: str) -> tuple[Object, Object]:
    """The inputs and the outputs of a resource type.

    Raises
    ------
    LookupError
        If `pulumi_aws` has no such class.
    """
    cls, args = _classes(token)
    outputs = {name: _type(hint) for name, hint in _types.resource_types(cls).items()}
    return _object(args), Object(outputs)


def function_arguments(token: str) -> list[str]:
    """The argument names of a function."""
    module, _, name = token.removeprefix("aws:").rpartition(":")
    function = getattr(_package(module), "".join(f"_{c.lower()}" if c.isupper() else c for c in name))
    return sorted(_camel(argument) for argument in inspect.signature(function).parameters if argument != "opts")


def _classes(token: str) -> tuple[type, type]:
    if token == _PROVIDER:
        package = importlib.import_module("pulumi_aws")
        return package.Provider, package.ProviderArgs
    module, _, name = token.removeprefix("aws:").rpartition(":")
    cls = getattr(_package(module), name, None)
    if cls is None or getattr(cls, "pulumi_type", token) != token:
        raise LookupError(f"pulumi_aws has no resource type {token}.")
    # Where a nested input type has taken the usual name (s3.BucketVersioningArgs), the resource's is called InitArgs.
    home = sys.modules[cls.__module__]
    return cls, getattr(home, f"{name}InitArgs", None) or getattr(home, f"{name}Args")


def _package(module: str) -> Any:
    name = module.split("/")[0]
    return importlib.import_module("pulumi_aws" if name == "index" else f"pulumi_aws.{_PACKAGES.get(name, name)}")


def _object(cls: type) -> Object:
    names = _types.input_type_py_to_pulumi_names(cls)
    parameters = inspect.signature(cls).parameters.values()
    required = {names[p.name] for p in parameters if p.name in names and p.default is inspect.Parameter.empty}
    return Object({name: _type(hint) for name, hint in _types.input_type_types(cls).items()}, frozenset(required))


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
    if hint in _SCALARS:
        return _SCALARS[hint]
    return _object(hint) if _types.is_input_type(hint) else Scalar("any")


def _members(hint: Any) -> list[Any]:
    """The arms of a union, without the plumbing of `pulumi.Input`."""
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


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)
