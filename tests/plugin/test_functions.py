"""The functions that programs call answer as the real provider's do."""

import json
from typing import Any

import pytest

from localcloud.plugin.cloud import Cloud
from localcloud.plugin.configuration import Configuration
from localcloud.plugin.errors import UnknownResourceError
from localcloud.plugin.functions import invoke
from localcloud.plugin.values import Properties

pytestmark = pytest.mark.pure


def answer(name: str, **arguments: Any) -> Properties:
    def cloud() -> Cloud:
        return Cloud(Configuration(region="eu-west-1", access_key="a", secret_key="s"))

    result, failures = invoke(name, arguments, cloud)
    assert failures == []
    return result


def test_region_and_partition() -> None:
    region = answer("aws:index/getRegion:getRegion")
    partition = answer("aws:index/getPartition:getPartition")

    assert {key: region[key] for key in ("name", "region", "endpoint")} == {
        "name": "eu-west-1", "region": "eu-west-1", "endpoint": "ec2.eu-west-1.amazonaws.com",
    }  # fmt: skip
    assert partition == {
        "partition": "aws", "id": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws",
    }  # fmt: skip


def test_a_policy_document_is_written_as_iam_writes_it() -> None:
    statement = {
        "sid": "Read",
        "actions": ["s3:GetObject", "s3:ListBucket"],
        "resources": ["arn:aws:s3:::b"],
        "principals": [{"type": "AWS", "identifiers": ["arn:aws:iam::111111111111:root"]}],
        "conditions": [{"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["111111111111"]}],
    }

    document = json.loads(answer("aws:iam/getPolicyDocument:getPolicyDocument", statements=[statement])["json"])

    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetObject"],
                "Resource": "arn:aws:s3:::b",
                "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                "Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}},
            }
        ],
    }


def test_later_documents_override_by_sid() -> None:
    base = json.dumps({"Statement": [{"Sid": "A", "Effect": "Allow"}, {"Sid": "B", "Effect": "Allow"}]})
    over = json.dumps({"Statement": [{"Sid": "A", "Effect": "Deny"}]})

    document = answer(
        "aws:iam/getPolicyDocument:getPolicyDocument", sourcePolicyDocuments=[base], overridePolicyDocuments=[over]
    )

    assert json.loads(document["json"])["Statement"] == [
        {"Sid": "A", "Effect": "Deny"},
        {"Sid": "B", "Effect": "Allow"},
    ]


def test_unknown_functions_and_arguments_are_refused() -> None:
    with pytest.raises(UnknownResourceError, match="has no function aws:ec2/getAmi:getAmi"):
        answer("aws:ec2/getAmi:getAmi")
    _, failures = invoke("aws:index/getPartition:getPartition", {"nam": "x"}, lambda: pytest.fail("AWS was asked"))
    assert [failure.path for failure in failures] == ["nam"]
