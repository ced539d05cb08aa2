"""The patterns of AWS's service models mean in Python what they mean in Java."""

import pytest
from botocore.loaders import Loader

from localcloud.emulator.java_patterns import compiled

pytestmark = pytest.mark.pure

# The services that the local cloud answers for these architectures.
SERVICES = (
    *("athena", "cloudwatch", "dynamodb", "dynamodbstreams", "events", "firehose", "glue", "iam", "iot", "kinesis"),
    *("kms", "lambda", "logs", "opensearch", "elasticache", "s3", "sns", "sqs", "ssm", "stepfunctions", "sts"),
)
TAG_VALUE = r"^[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$"
TAG_KEY = r"^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$"
TEXT = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*"


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_a_model_can_be_read(service: str) -> None:
    shapes = Loader().load_service_model(service, "service-2")["shapes"].values()
    for pattern in {shape["pattern"] for shape in shapes if "pattern" in shape}:
        compiled(pattern)


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        (TAG_VALUE, "Größe 12 / 五 @home", True),
        (TAG_VALUE, "a%b", True),
        (TAG_VALUE, "a;b", False),
        (TAG_VALUE, "", True),
        (TAG_KEY, "team", True),
        (TAG_KEY, "aws:team", False),
        (r"\w+", "straße", False),
        (r"[\w-_]+", "a-b_c", True),
        (r"\d{12}", "١١١١١١١١١١١١", False),
        (r"[\d]{12}", "111111111111", True),
        (r"\w+\s\w+", "a\u2003b", False),  # a space of another script is none
        (r"\p{ASCII}*", "ä", False),
        (r"\p{Print}+", "a b", True),
        (r"\p{Print}+", "a\tb", False),
        (TEXT, "a\n😀", True),
        (TEXT, "a\x07", False),
    ],
)
def test_a_pattern_means_what_it_means_in_java(pattern: str, value: str, fits: bool) -> None:
    assert bool(compiled(pattern).fullmatch(value)) is fits


def test_a_pattern_of_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match=r"The pattern \[a of a service model"):
        compiled("[a")
