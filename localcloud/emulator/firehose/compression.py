"""Compression of delivered objects.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html (CompressionFormat)
"""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable

_HADOOP_BLOCK_BYTES = 256 * 1024


def _zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", data)
    return out.getvalue()


def _snappy(data: bytes) -> bytes:
    import cramjam  # takes a while to import, and few streams use it

    return bytes(cramjam.snappy.compress(data))


def _hadoop_snappy(data: bytes) -> bytes:
    """The framing of Hadoop's BlockCompressorStream: the block's plain and compressed lengths, big-endian, before
    each block.
    """
    import cramjam

    out = bytearray()
    for start in range(0, len(data), _HADOOP_BLOCK_BYTES):
        block = data[start : start + _HADOOP_BLOCK_BYTES]
        packed = bytes(cramjam.snappy.compress_raw(block))
        out += struct.pack(">II", len(block), len(packed)) + packed
    return bytes(out)


# Format: how to compress, and the extension that the object name gets.
FORMATS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "UNCOMPRESSED": (lambda data: data, ""),
    "GZIP": (lambda data: gzip.compress(data, compresslevel=6), ".gz"),
    "ZIP": (_zip, ".zip"),
    "Snappy": (_snappy, ".snappy"),
    "HADOOP_SNAPPY": (_hadoop_snappy, ".hsnappy"),
}
