"""Two policies that allow the same are one policy."""

import json

import pytest

from localcloud.plugin.documents import canonical

pytestmark = pytest.mark.pure


def policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (policy(Action="s3:GetObject", Resource="*"), policy(Resource=["*"], Action=["s3:GetObject"])),
        (policy(Action=["s3:B", "s3:A"]), policy(Action=["s3:A", "s3:B"])),
        (policy(Action="S3:getobject"), policy(Action="s3:GetObject")),
        (policy(Principal="*"), policy(Principal={"AWS": "*"})),
        (policy(Principal={"AWS": "111111111111"}), policy(Principal={"AWS": ["arn:aws:iam::111111111111:root"]})),
        (policy(Condition={"Bool": {"a": True}}), policy(Condition={"Bool": {"a": ["true"]}})),
        (policy(Sid=""), policy()),
        ('{"a": [1, 2]}', '{ "a" : [1,2] }'),
    ],
)
def test_equal_meaning(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (policy(Action="s3:GetObject"), policy(Action="s3:PutObject")),
        (policy(Resource="arn:aws:s3:::A"), policy(Resource="arn:aws:s3:::a")),
        (policy(Principal={"AWS": "111111111111"}), policy(Principal={"Service": "111111111111"})),
        (policy(Condition={"StringEquals": {"a": "x"}}), policy(Condition={"StringLike": {"a": "x"}})),
        (policy(Sid="one"), policy(Sid="two")),
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        ("not json", "not  json"),
    ],
)
def test_different_meaning(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)
