"""Pulumi's wire values as plain Python: unknowns, secrets, assets and archives included.

The wire format's keys are those of the SDK's `pulumi.runtime.rpc`, which takes too long to import here. Numbers
without a fraction become `int`; nulls inside objects mean "not set" and are dropped.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2

Value = Any
Properties = dict[str, Value]


# The text that stands for what is not known yet; the key that says of an object what it stands for, and what it says.
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


class Unknown:
    """A value that only the deployment itself will tell; there is one instance, `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine keeps encrypted in its state."""

    value: Value


@dataclass(frozen=True)
class Asset:
    """One file: `kind` says whether `source` is a `path`, the `text` itself or a `uri`."""

    kind: str
    source: str
    hash: str = ""


@dataclass(frozen=True)
class Archive:
    """A tree of files: `kind` says whether `source` is a `path`, a `uri` or a mapping of `assets` by name."""

    kind: str
    source: Any
    hash: str = ""


def decode(value: struct_pb2.Value) -> Value:
    """Read one wire value.

    Raises
    ------
    ValueError
        If the value carries a signature that this plugin does not know.
    """
    kind = value.WhichOneof("kind")
    if kind in (None, "null_value"):
        return None
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return UNKNOWN if value.string_value == UNKNOWN_TEXT else value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [decode(item) for item in value.list_value.values]
    return _decode_struct(value.struct_value)


def decode_properties(struct: struct_pb2.Struct) -> Properties:
    """Read a set of properties; those that are null are left out."""
    read = {key: decode(item) for key, item in struct.fields.items()}
    return {key: item for key, item in read.items() if item is not None}


def _decode_struct(struct: struct_pb2.Struct) -> Value:
    signature = struct.fields[SIGNATURE].string_value if SIGNATURE in struct.fields else None
    if signature is None:
        return decode_properties(struct)
    fields = {key: item for key, item in struct.fields.items() if key != SIGNATURE}
    if signature == SECRET:
        return Secret(decode(fields["value"]))
    if signature == ASSET:
        return _decode_asset(fields)
    if signature == ARCHIVE:
        return _decode_archive(fields)
    if signature == RESOURCE:
        return decode(fields["id"]) if "id" in fields else fields["urn"].string_value
    if signature == OUTPUT:
        inner = decode(fields["value"]) if "value" in fields else UNKNOWN
        return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
    raise ValueError(f"The engine sent a value with the signature {signature}, which this plugin cannot read.")


# The engine's state keeps of a file or a tree only its hash.
_ONLY_HASH = "hash"


def _decode_asset(fields: Mapping[str, struct_pb2.Value]) -> Asset:
    kind = next((kind for kind in ("path", "text", "uri") if kind in fields), _ONLY_HASH)
    source = fields[kind].string_value if kind != _ONLY_HASH else ""
    return Asset(kind, source, fields["hash"].string_value if "hash" in fields else "")


def _decode_archive(fields: Mapping[str, struct_pb2.Value]) -> Archive:
    kind = next((kind for kind in ("assets", "path", "uri") if kind in fields), _ONLY_HASH)
    if kind == "assets":
        return Archive(
            kind, decode_properties(fields[kind].struct_value), fields["hash"].string_value if "hash" in fields else ""
        )
    source = fields[kind].string_value if kind != _ONLY_HASH else ""
    return Archive(kind, source, fields["hash"].string_value if "hash" in fields else "")


def encode(value: Value) -> struct_pb2.Value:
    """Write one value in the wire format."""
    if isinstance(value, Unknown):
        return struct_pb2.Value(string_value=UNKNOWN_TEXT)
    if isinstance(value, Secret):
        return _signed(SECRET, {"value": encode(value.value)})
    if isinstance(value, Asset):
        fields = {value.kind: encode(value.source), "hash": encode(value.hash)}
        return _signed(ASSET, {key: item for key, item in fields.items() if item.string_value})
    if isinstance(value, Archive):
        fields = {value.kind: encode(value.source)} | ({"hash": encode(value.hash)} if value.hash else {})
        return _signed(ARCHIVE, fields)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=encode_properties(value))
    if isinstance(value, list | tuple):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[encode(item) for item in value]))
    raise TypeError(f"A {type(value).__name__} cannot be sent to the Pulumi engine.")


def encode_properties(properties: Mapping[str, Value]) -> struct_pb2.Struct:
    """Write a set of properties in the wire format."""
    return struct_pb2.Struct(fields={key: encode(item) for key, item in properties.items()})


def _signed(signature: str, fields: dict[str, struct_pb2.Value]) -> struct_pb2.Value:
    fields = {SIGNATURE: struct_pb2.Value(string_value=signature), **fields}
    return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))


def reveal(value: Value) -> Value:
    """The value with every secret in the clear."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def has_unknown(value: Value) -> bool:
    """Whether any part of the value is not known yet."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return isinstance(value, Unknown)


def known(value: Value) -> Value:
    """The parts of a revealed value that are known; unknown members and items are left out."""
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items() if item is not UNKNOWN}
    if isinstance(value, list):
        return [known(item) for item in value if item is not UNKNOWN]
    return value


def seal(outputs: Mapping[str, Value], *sources: Mapping[str, Value]) -> Properties:
    """Mark as secret every output that was given as a secret, or that contains the text of one.

    `sources` are the properties as the engine sent them. A whole top-level property is sealed even if only a part of
    it is secret.
    """
    names = {key for source in sources for key, item in source.items() if _holds_secret(item)}
    texts = {text for source in sources for item in source.values() for text in _secret_texts(item)}
    return {
        key: Secret(item) if key in names or any(text in _text(item) for text in texts) else item
        for key, item in outputs.items()
    }


def masked(text: str, *sources: Mapping[str, Value]) -> str:
    """The text without the secrets of `sources`."""
    for secret in {secret for source in sources for item in source.values() for secret in _secret_texts(item)}:
        text = text.replace(secret, "[secret]")
    return text


# Shorter texts ("on", "1") appear by chance in values that are not derived from the secret.
_SHORTEST_SECRET_TEXT = 4


def _holds_secret(value: Value) -> bool:
    return next(_secrets(value), None) is not None


def _secrets(value: Value) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item)


def _secret_texts(value: Value) -> Iterator[str]:
    for secret in _secrets(value):
        yield from (text for text in _leaves(reveal(secret)) if len(text) >= _SHORTEST_SECRET_TEXT)


def _leaves(value: Value) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value


def _text(value: Value) -> str:
    return "\n".join(_leaves(reveal(value))) if isinstance(value, dict | list) else str(value)


def fingerprint(value: Value) -> str:
    """A text that is equal for equal values, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, default=repr)
