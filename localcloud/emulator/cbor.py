"""CBOR as AWS's JSON services speak it (`application/x-amz-cbor-1.1`): bytes are bytes, times whole milliseconds.

The AWS SDK for Java 2 speaks it to Kinesis by default (https://sdk.amazonaws.com/java/api/latest/, `CBOR_ENABLED` of
SdkSystemSetting). Items are read and written by botocore, which differs only in what it takes a time for.
"""

import base64
import functools
import io
from collections.abc import Mapping
from typing import Any, cast

CONTENT_TYPE = "application/x-amz-cbor-1.1"
# The first byte of a map, of known length or not; no JSON text begins so.
_MAPS = range(0xA0, 0xC0)
_TIME = b"\xc1"


def is_map(body: bytes) -> bool:
    """Whether a request's body is a CBOR map, which is not JSON."""
    return bool(body) and body[0] in _MAPS


def loads(body: bytes) -> Any:
    """What JSON would have for these bytes: binaries as base64 text, times in seconds. Raises ValueError."""
    try:
        return _as_json(_reader().parse_data_item(io.BufferedReader(cast(io.RawIOBase, io.BytesIO(body)))))
    except Exception as error:  # botocore raises a different one for each way in which bytes can be wrong
        raise ValueError(f"The body is not CBOR: {error}") from error


def dumps(value: Mapping[str, Any], shape: Any) -> bytes:
    """A JSON answer as CBOR. `shape` is botocore's shape of it; None for one whose members are texts, as an error's."""
    written = bytearray()
    if shape is None:
        texts = {name: str(text) for name, text in value.items()}
        written.append(0xA0 | len(texts))
        for part in (part for item in texts.items() for part in item):
            _writer()._serialize_type_string(written, part, None, None)
    else:
        _writer()._serialize_data_item(written, value, shape)
    return bytes(written)


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _as_json(member) for name, member in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list) else value


@functools.cache
def _reader() -> Any:
    from botocore import parsers

    base: Any = parsers.BaseCBORParser

    class Reader(base):  # type: ignore[misc]
        def _parse_datetime(self, value: float) -> float:
            return value / 1000

    return Reader()


@functools.cache
def _writer() -> Any:
    from botocore import serialize

    base: Any = serialize.CBORSerializer

    class Writer(base):  # type: ignore[misc]
        def _serialize_type_timestamp(self, written: bytearray, value: float, shape: Any, key: Any) -> None:
            written.extend(_TIME)
            self._serialize_type_integer(written, round(value * 1000), shape, key)

        def _serialize_type_blob(self, written: bytearray, value: str, shape: Any, key: Any) -> None:
            super()._serialize_type_blob(written, base64.b64decode(value), shape, key)

        def _serialize_type_structure(self, written: bytearray, value: Mapping[str, Any], shape: Any, key: Any) -> None:
            known = {name: member for name, member in value.items() if name in shape.members}
            super()._serialize_type_structure(written, known, shape, None)

    return Writer()
