"""Undoes what Firehose does to the objects it delivers.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html (CompressionFormat)
"""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any


def decompress(body: bytes, compression: str) -> bytes:
    """An object's content. Raises ValueError when it is not compressed in this way."""
    try:
        return FORMATS[compression](body)
    except Exception as wrong:  # each format has errors of its own
        raise ValueError(f"it is not {compression}: {wrong}") from None


def _zip(body: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return b"".join(map(archive.read, archive.namelist()))


def _snappy(body: bytes) -> bytes:
    return bytes(_library().decompress(body))


def _hadoop_snappy(body: bytes) -> bytes:
    """Blocks of Hadoop's BlockCompressorStream: the plain length, then chunks with their compressed length each."""
    content, position = bytearray(), 0
    while position < len(body):
        (plain,) = struct.unpack_from(">I", body, position)
        position, end = position + 4, len(content) + plain
        while len(content) < end:
            (size,) = struct.unpack_from(">I", body, position)
            content += bytes(_library().decompress_raw(body[position + 4 : position + 4 + size]))
            position += 4 + size
    return bytes(content)


def _library() -> Any:
    from cramjam import snappy  # takes a while to import, and few delivery streams use it

    return snappy


FORMATS: dict[str, Callable[[bytes], bytes]] = {
    "UNCOMPRESSED": bytes,
    "GZIP": gzip.decompress,
    "ZIP": _zip,
    "Snappy": _snappy,
    "HADOOP_SNAPPY": _hadoop_snappy,
}
