"""The linter gets every policy of every stack file, and finds what is wrong with one."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.components.deployed import Declared
from tests.policies.linting import MEANT, complaints, unexpected
from tests.policies.rendered import IDENTITY, PROJECT, RESOURCE, TRUST, Policy, policies, policies_of

STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/clicks"
QUEUE = "arn:aws:sqs:eu-west-1:111111111111:clicks"
PUT, SEND = {"Action": "kinesis:PutRecord", "Resource": STREAM}, {"Action": "sqs:SendMessage", "Resource": QUEUE}


def said(**statement: Any) -> list[str]:
    """What the linter says of one allowing statement."""
    document = {"Version": "2012-10-17", "Statement": [{"Sid": "One", "Effect": "Allow", **statement}]}
    return list(complaints([Policy("here", IDENTITY, document)]))


@pytest.mark.pure
def test_a_sound_policy_is_told_nothing_of() -> None:
    condition = {"StringEquals": {"aws:ResourceTag/team": "raven"}, "Bool": {"aws:SecureTransport": "true"}}
    assert said(Action=["kinesis:PutRecord", "kinesis:PutRecords"], Resource=STREAM, Condition=condition) == []


@pytest.mark.pure
@pytest.mark.parametrize(
    ("statement", "about"),
    [
        ({"Action": "kinesis:PutRecordz", "Resource": STREAM}, "PutRecordz"),
        ({"Action": "kinesys:PutRecord", "Resource": STREAM}, "kinesys"),
        ({"Action": "kinesis:PutRecord", "Resource": QUEUE}, "kinesis:PutRecord"),
        ({"Action": "kinesis:PutRecord", "Resource": "stream/clicks"}, "stream/clicks"),
        ({**PUT, "Condition": {"StringEquals": {"s3:prefix": "a"}}}, "s3:prefix"),
        ({**SEND, "Condition": {"NumericEquals": {"aws:SourceArn": "1"}}}, "aws:SourceArn"),
        ({**SEND, "Condition": {"StringEqual": {"aws:SourceAccount": "1"}}}, "StringEqual"),
    ],
    ids=["action", "service", "resource of another service", "no ARN", "key", "operator for a key", "operator"],
)
def test_a_mistake_is_told(statement: Mapping[str, Any], about: str) -> None:
    found = said(**statement)
    assert [one for one in found if about in one], found


@pytest.mark.pure
def test_what_is_meant_is_named_as_long_as_it_is_so() -> None:
    (key, *others) = MEANT
    mistake = "stack s, RolePolicy p, policy: error invalid_action: no such action"
    found = list(unexpected([mistake, "stack s, Key k, policy: high: 'kms:*' grants all permissions"]))
    assert found[0] == mistake
    assert [line.partition("linting.py: ")[2] for line in found[1:]] == others
    assert key.startswith("Key")


@pytest.mark.pure
def test_a_policy_is_found_in_whatever_input_holds_it() -> None:
    document = {"Version": "2012-10-17", "Statement": []}
    text = json.dumps(document)
    kinds = {
        ("aws:iam/role:Role", "assumeRolePolicy"): TRUST,
        ("aws:iam/rolePolicy:RolePolicy", "policy"): IDENTITY,
        ("aws:opensearch/domainPolicy:DomainPolicy", "accessPolicies"): RESOURCE,
    }
    for (type_, name), kind in kinds.items():
        [found] = policies_of("s", Declared(type_, "one", {name: text, "other": '{"a": 1}', "text": "{no JSON"}))
        assert (found.type, found.document) == (kind, document)


@pytest.mark.mocks
def test_every_stack_file_has_its_policies_linted() -> None:
    stacks = {one.where.split(",")[0] for one in policies() if one.where.startswith("stack ")}
    files = {path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in PROJECT.glob("Pulumi.*.yaml")}
    assert stacks == {f"stack {name}" for name in files}
