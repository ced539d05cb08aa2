"""The fan-out platform and its receivers, as declared: what each role may do, and to nothing else."""

import json
from typing import Any

import pytest

from tests.components.deployed import REGION, Declared, declare, every, failures_of, only, table_arn

pytestmark = pytest.mark.mocks

PLATFORM, PARTNER = "111111111111", "222222222222"
GRANTED = {
    "partner": {
        "fan-out": {
            "roleArn": f"arn:aws:iam::{PARTNER}:role/fanout-receiver",
            "externalId": "fan-out-partner",
            "type": "kinesis",
            "destination": "partnerStream",
            "region": "eu-central-1",
        }
    }
}
TARGETS = {"partner": {"source": "inputStream", "receiver": {"stack": "partner"}, "retrySeconds": 60}}


def platform(**settings: Any) -> tuple[list[Declared], dict[str, Any]]:
    said = {"kind": "fan-out/platform", "sources": {"inputStream": {}}, **settings}
    declared, outputs = declare({"fan-out": said}, PLATFORM, GRANTED)
    return declared, outputs["fan-out"]


def allowed(declared: list[Declared], role: str) -> dict[str, set[str]]:
    """Action → what it is allowed on, in the policy of a function's role."""
    found: dict[str, set[str]] = {}
    for one in only(declared, "RolePolicy", role).policy():
        resources = [one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"]
        for action in one["Action"]:
            found.setdefault(action, set()).update(resources)
    return found


def test_a_declared_target_is_a_row_and_a_role_that_may_be_assumed() -> None:
    declared, _ = platform(targets=TARGETS)
    row = only(declared, "TableItem").inputs
    assert (row["hashKey"], row["rangeKey"], row["tableName"]) == ("sourceArn", "id", "fanoutTargets")
    assert json.loads(row["item"]) == {
        "sourceArn": {"S": f"arn:kinesis:{REGION}:111111111111:stream/inputStream"},
        "id": {"S": "partner"},
        "type": {"S": "kinesis"},
        "destination": {"S": "partnerStream"},
        "region": {"S": "eu-central-1"},
        "role": {"S": f"arn:aws:iam::{PARTNER}:role/fanout-receiver"},
        "externalId": {"S": "fan-out-partner"},
        "retrySeconds": {"N": "60"},
        "active": {"BOOL": True},
        "declared": {"BOOL": True},
    }
    for role in ("source-policy", "drainer-policy"):
        assert allowed(declared, role)["sts:AssumeRole"] == {f"arn:aws:iam::{PARTNER}:role/fanout-receiver"}
