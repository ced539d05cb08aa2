"""Are these inputs ones that the real plugin, and AWS, would take? Decides only; calls nothing."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.plugin.mapping import Names, Shape, find_member, member_shape
from localcloud.plugin.types import Listing, Map, Object, Scalar, Type
from localcloud.plugin.values import UNKNOWN, Archive, Asset, Secret


@dataclass(frozen=True)
class Failure:
    """What is wrong with the property at `path`; `reason` is whole sentences."""

    path: str
    reason: str


def check_types(kind: Object, values: Mapping[str, Any], where: str) -> Iterator[Failure]:
    """Unknown, missing and wrongly typed properties of `values`, at any depth. `where` names the resource."""
    yield from _check_object(kind, values, "", where)


def _check_object(kind: Object, values: Mapping[str, Any], path: str, where: str) -> Iterator[Failure]:
    allowed = kind.properties
    for name, value in values.items():
        here = f"{path}.{name}" if path else name
        if name.startswith("__"):
            continue
        if name not in allowed:
            yield Failure(here, f"{where} has no property `{here}`{_found(value)}. {suggest(name, allowed)}")
        else:
            yield from _check(allowed[name], value, here, where)
    for name in sorted(kind.required - values.keys()):
        here = f"{path}.{name}" if path else name
        yield Failure(here, f"{where} lacks the required property `{here}`. Add it, and deploy again.")


def _check(kind: Type, value: Any, path: str, where: str) -> Iterator[Failure]:
    if isinstance(value, Secret):
        yield from (_hidden(failure, where) for failure in _check(kind, value.value, path, where))
    elif value is UNKNOWN or value is None:
        return
    elif isinstance(kind, Object):
        if isinstance(value, dict):
            yield from _check_object(kind, value, path, where)
        else:
            yield _wrong(path, where, "an object", value)
    elif isinstance(kind, Listing):
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _check(kind.item, item, f"{path}[{index}]", where)
        else:
            yield _wrong(path, where, "a list", value)
    elif isinstance(kind, Map):
        if isinstance(value, dict):
            for key, item in value.items():
                yield from _check(kind.item, item, f"{path}.{key}", where)
        else:
            yield _wrong(path, where, "an object", value)
    elif not _is_scalar(kind, value):
        yield _wrong(path, where, _SCALAR_NAMES[kind.kind], value)


def check_documents(paths: Iterable[str], values: Mapping[str, Any], where: str) -> Iterator[Failure]:
    """Texts that are no JSON, in the properties at `paths` (dotted, list indexes left out)."""
    for path in paths:
        for text in _texts(values, path.split(".")):
            try:
                json.loads(text)
            except ValueError as error:
                reason = f"`{path}` of {where} is not JSON: {error}. Write it with `json.dumps`, and deploy again."
                yield Failure(path, reason)


def _texts(value: Any, path: Sequence[str]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
    elif path and isinstance(value, Mapping):
        yield from _texts(value.get(path[0]), path[1:])
    elif not path and isinstance(value, str) and value:
        yield value


def _hidden(failure: Failure, where: str) -> Failure:
    return Failure(failure.path, f"`{failure.path}` of {where} is secret, and not of the type that it has to be.")


_SCALAR_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "json": "a JSON document, as text or as an object",
    "archive": "an archive (pulumi.AssetArchive or pulumi.FileArchive)",
    "asset": "an asset (pulumi.FileAsset or pulumi.StringAsset)",
    "any": "any value",
}


def _is_scalar(kind: Scalar, value: Any) -> bool:
    number = not isinstance(value, bool)
    return {
        "str": isinstance(value, str),
        "int": number and isinstance(value, int),
        "float": number and isinstance(value, int | float),
        "bool": isinstance(value, bool),
        "json": isinstance(value, str | dict),
        "archive": isinstance(value, Archive),
        "asset": isinstance(value, Asset | Archive),
        "any": True,
    }[kind.kind]


def _wrong(path: str, where: str, wanted: str, value: Any) -> Failure:
    return Failure(
        path, f"`{path}` of {where} must be {wanted}, but{_found(value, ' it is')}. Correct it, and deploy again."
    )


def _found(value: Any, prefix: str = ", found") -> str:
    if isinstance(value, Secret) or value is UNKNOWN:
        return f"{prefix} a secret or unknown value"
    text = json.dumps(value, default=repr)
    return f"{prefix} {text if len(text) <= 80 else text[:77] + '...'}"


def suggest(name: str, allowed: Any) -> str:
    """A sentence that offers the nearest correct spelling, or else every correct one."""
    near = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    if near:
        return f"The nearest correct spelling is `{near[0]}`."
    return f"Correct are: {', '.join(sorted(allowed))}."


def check_members(
    kind: Object, shape: Shape, values: Mapping[str, Any], names: Names, where: str, path: str = ""
) -> Iterator[Failure]:
    """What botocore's model of the request says against known `values`: enumerations, lengths, ranges and patterns."""
    for name, value in values.items():
        here = f"{path}.{name}" if path else name
        target = find_member(shape, names, re.sub(r"\[\d+\]", "", here))
        if target is not None and name in kind.properties:
            yield from _check_member(kind.properties[name], member_shape(shape, target), value, names, where, here)


def _check_member(kind: Type, shape: Shape, value: Any, names: Names, where: str, path: str) -> Iterator[Failure]:
    if value is UNKNOWN or value is None:
        return
    if isinstance(kind, Object):
        yield from check_members(kind, shape.member if shape.type_name == "list" else shape, value, names, where, path)
    elif isinstance(kind, Listing) and shape.type_name == "list":
        yield from _check_count(shape, value, where, path)
        for index, item in enumerate(value):
            yield from _check_member(kind.item, shape.member, item, names, where, f"{path}[{index}]")
    elif isinstance(kind, Map) and shape.type_name == "map":
        for key, item in value.items():
            yield from _check_leaf(shape.key, key, where, f"{path}.{key}")
            yield from _check_member(kind.item, shape.value, item, names, where, f"{path}.{key}")
    elif isinstance(kind, Scalar) and shape.type_name not in ("list", "structure", "map"):
        yield from _check_leaf(shape, value, where, path)


def _check_count(shape: Shape, value: list[Any], where: str, path: str) -> Iterator[Failure]:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max")
    if len(value) < low and all(item is not UNKNOWN for item in value):
        yield Failure(path, f"`{path}` of {where} must have at least {low} items, but it has {len(value)}.")
    if high is not None and len(value) > high:
        yield Failure(path, f"`{path}` of {where} may have at most {high} items, but it has {len(value)}.")


def _check_leaf(shape: Shape, value: Any, where: str, path: str) -> Iterator[Failure]:
    facts = shape.metadata
    if shape.type_name == "string" and isinstance(value, str):
        if facts.get("enum") and value not in facts["enum"]:
            yield Failure(path, f"`{path}` of {where} may not be {json.dumps(value)}. {suggest(value, facts['enum'])}")
            return
        yield from _check_range(facts, len(value), "characters long", where, path)
        if facts.get("pattern") and not _matches(facts["pattern"], value):
            yield Failure(
                path, f"`{path}` of {where} is {json.dumps(value)}, which AWS's rule {facts['pattern']} forbids."
            )
    elif shape.type_name in ("integer", "long", "float", "double") and isinstance(value, int | float):
        yield from _check_range(facts, value, "", where, path)


def _check_range(facts: Mapping[str, Any], size: float, unit: str, where: str, path: str) -> Iterator[Failure]:
    low, high = facts.get("min"), facts.get("max")
    unit = f" {unit}" if unit else ""
    if low is not None and size < low:
        yield Failure(path, f"`{path}` of {where} must be at least {low}{unit}, but it is {size}.")
    if high is not None and size > high:
        yield Failure(path, f"`{path}` of {where} may be at most {high}{unit}, but it is {size}.")


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(_python_pattern(pattern), value, re.DOTALL) is not None
    except re.error:  # a construct that only AWS's own engine knows
        return True


def _python_pattern(pattern: str) -> str:
    """AWS writes its patterns for Java: `\\p{L}` and the like have no counterpart in `re`, and are read as any text."""
    return re.sub(r"\\p\{\w+\}", r"\\w", pattern)
