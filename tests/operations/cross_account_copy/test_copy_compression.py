"""Every compression that a delivery stream may be given can be undone."""

import pytest

from components.cross_account_copy.settings import DeliverySettings
from localcloud.emulator.firehose.compression import FORMATS as COMPRESS
from operations.cross_account_copy.compression import FORMATS, decompress

pytestmark = pytest.mark.pure

# More than one of the blocks that Hadoop's Snappy has.
CONTENT = b"".join(b'{"n": %d}\n' % number for number in range(60_000))


@pytest.mark.parametrize("compression", COMPRESS)
def test_what_was_compressed_is_there_again(compression: str) -> None:
    compress, _ = COMPRESS[compression]
    assert decompress(compress(CONTENT), compression) == CONTENT
    assert decompress(compress(b""), compression) == b""


def test_no_compression_of_the_settings_is_left_out() -> None:
    allowed = DeliverySettings.model_json_schema(by_alias=False)["properties"]["compression"]["enum"]
    assert set(FORMATS) == set(allowed)


@pytest.mark.parametrize("compression", sorted(FORMATS.keys() - {"UNCOMPRESSED"}))
def test_what_is_not_compressed_is_told(compression: str) -> None:
    with pytest.raises(ValueError, match=f"it is not {compression}"):
        decompress(b'{"n": 1}\n', compression)
