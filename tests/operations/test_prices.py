"""What the documentation says that things cost is what estimates and benchmarks count with."""

import re
from pathlib import Path

import pytest

from operations import prices

pytestmark = pytest.mark.pure

DOCS = Path(__file__).parents[2] / "docs"
# The page's name in the table of docs/fan-out.md, and the prices of its row.
ROWS = {
    "Kinesis": (prices.KINESIS_PUT_UNIT,),
    "Lambda": (prices.LAMBDA_REQUEST, prices.LAMBDA_GB_SECOND),
    "DynamoDB": (prices.DYNAMODB_WRITE_UNIT, prices.DYNAMODB_READ_UNIT),
    "S3": (prices.S3_PUT, prices.S3_GET),
    "SQS": (prices.SQS_REQUEST,),
    "SNS": (prices.SNS_PUBLISH,),
}


def test_the_table_of_prices_has_those_that_are_counted_with() -> None:
    rows = re.findall(r"^\| [^|]+ \| ([\d.; ]+) \| \[(\w+)\]\(https://", (DOCS / "fan-out.md").read_text(), re.M)
    shown = {name: [float(number) for number in numbers.split(";")] for numbers, name in rows}
    assert shown == {name: pytest.approx([price * 1e6 for price in found]) for name, found in ROWS.items()}
