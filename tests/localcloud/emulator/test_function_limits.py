"""What Lambda refuses of a function before it is made: its package, its policy, its layers.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import base64
import io
import zipfile

import pytest

from localcloud.emulator.function_limits import package_refusal, policy_refusal, refusals

pytestmark = pytest.mark.pure

MIB = 1024 * 1024


def package(claimed_bytes: int) -> str:
    """A zip with one file that says that it has so many bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("handler.py", "pass")
        archive.filelist[0].file_size = claimed_bytes
    return base64.b64encode(written.getvalue()).decode()


@pytest.mark.parametrize("wrap", [lambda text: {"Code": {"ZipFile": text}}, lambda text: {"ZipFile": text}])
def test_a_package_has_less_than_250_mb_unzipped_and_50_in_a_request(wrap) -> None:
    assert package_refusal(wrap(package(250 * MIB - 1))) is None
    unzipped = package_refusal(wrap(package(250 * MIB)))
    assert unzipped == ("InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes", 400)
    large = package_refusal(wrap("A" * (4 * (50 * MIB + 3) // 3)))
    assert large is not None
    assert (large[0], large[2]) == ("RequestEntityTooLargeException", 413)
    assert package_refusal({"Code": {"S3Bucket": "b", "S3Key": "k"}}) is None


def test_a_policy_has_20_kb() -> None:
    policy = {"Statement": [{"Sid": "s" * 100}] * 180}
    assert policy_refusal(policy, {"StatementId": "one-more"}) is None
    refused = policy_refusal({"Statement": [{"Sid": "s" * 100}] * 190}, {"StatementId": "one-more"})
    assert refused is not None
    assert refused.endswith("is bigger than the limit (20480).")


def test_a_function_has_five_layers() -> None:
    assert not list(refusals({"Layers": ["arn"] * 5}, frozenset()))
    assert [message for _, message in refusals({"Layers": ["arn"] * 6}, frozenset())] == [
        "Cannot reference more than 5 layers."
    ]
