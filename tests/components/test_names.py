"""Names that AWS would refuse, or that somebody has already, are told before anything is made."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.errors import SettingsError
from components.kinds import KINDS
from components.naming import RULES
from components.quotas import ROLE_POLICIES, most_streams, most_weeks
from components.stack_files import check_place, other_stacks, parse
from tests.components.deployed import Declared, declare

pytestmark = pytest.mark.pure

FILE = "Pulumi.poc.yaml"
KEY = "tributary:architectures"
PROJECT = Path(__file__).parents[2]
HERE, REGION = "999999999999", "eu-west-1"
TARGET: dict[str, Any] = {"kind": "cross-account-copy/target", "writer": {"accountId": "111111111111"}}
SOURCE: dict[str, Any] = {"kind": "cross-account-copy/source", "target": {"stack": "poc"}}
REPLICA: dict[str, Any] = {"kind": "table-replica"}
OWNER: dict[str, Any] = {"kind": "shared-stream/owner", "subscribers": {"subscriber": {"accountId": "222222222222"}}}
SUBSCRIBER: dict[str, Any] = {"kind": "shared-stream/subscriber", "owner": {"stack": "stream-owner"}}
LAKE = {"accountId": HERE, "bucketName": "the-lake", "keyArn": f"arn:aws:kms:{REGION}:{HERE}:key/k"}
FAR_END: dict[str, Any] = {"kind": "table-replica/far-end", "writer": {"accountId": HERE}}


def function(name: str) -> dict[str, Any]:
    return {"name": name, "batchSize": 100, "timeoutSeconds": 60}


def told(architectures: Any, others: Any = ()) -> list[str]:
    """What is refused of a stack, a line for each mistake, without the file's name."""
    with pytest.raises(SettingsError) as refused:
        check_place(FILE, HERE, REGION, parse(KINDS, FILE, architectures), others)
    lines = str(refused.value).splitlines()
    assert all(line.startswith(f"{FILE}: `{KEY}") for line in lines)
    return [line.removeprefix(f"{FILE}: `{KEY}.") for line in lines]


@pytest.mark.parametrize(
    ("instance", "nearest"),
    [("my_copy", "my-copy"), ("my.copy", "my-copy"), ("my copy", "my-copy"), ("Kopie-für-üben", "kopie-fur-uben"),
     ("-copy-", "copy"), ("a" * 40, "a" * 35)],
)  # fmt: skip
def test_an_instance_is_named_as_every_name_that_is_made_of_it_allows(instance: str, nearest: str) -> None:
    [line] = told({instance: REPLICA})
    assert line.startswith(f"{instance}` is {instance!r}; ")
    assert line.endswith(f"The nearest is {nearest!r}.")
    parse(KINDS, FILE, {nearest: REPLICA})


@pytest.mark.parametrize(
    ("settings", "key", "nearest", "page"),
    [
        ({**SOURCE, "copier": function("my copier")}, "copier.name", "my-copier", "API_CreateFunction"),
        ({**SOURCE, "copier": function("f" * 65)}, "copier.name", "f" * 64, "API_CreateFunction"),
        ({**SOURCE, "copierRoleName": "a role"}, "copierRoleName", "a-role", "reference_iam-quotas"),
        ({**SOURCE, "streamName": "s" * 129}, "streamName", "s" * 128, "API_CreateStream"),
        ({**TARGET, "delivery": {"name": "prod/s3"}}, "delivery.name", "prod-s3", "API_CreateDeliveryStream"),
        ({**TARGET, "bucketName": "My_Lake"}, "bucketName", "my-lake", "bucketnamingrules"),
        ({**TARGET, "weekly": {"current": "2026-W47"}, "tableName": "t" * 250}, "tableName", "t" * 246, "NamingRules"),
        (
            {**TARGET, "clickStream": {"function": function("c" * 62)}},
            "clickStream.function.name",
            "c" * 59,
            "reference_iam-quotas",
        ),
        ({**TARGET, "index": {"attribute": "e-mäil"}}, "index.attribute", "e-mail", "NamingRules"),
        ({**REPLICA, "bulk": {}, "replicator": function("r" * 60)}, "replicator.name", "r" * 55, "API_CreateFunction"),
        ({**REPLICA, "bulk": {}, "replicatorRoleName": "r" * 60}, "replicatorRoleName", "r" * 55, "iam-quotas"),
        (
            {**REPLICA, "guarded": True, "replica": {"tableName": "t" * 250}},
            "replica.tableName",
            "t" * 245,
            "NamingRules",
        ),
        ({**OWNER, "subscribers": {"a b": {"accountId": HERE}}}, "subscribers.a b", "a-b", "API_RegisterStreamC"),
        ({**REPLICA, "namePrefix": "staging-", "replicator": function("r" * 60)}, "replicator.name", "r" * 56, "API_"),
    ],
)  # fmt: skip
def test_a_name_that_aws_refuses_is_told_with_its_setting_and_the_nearest_one(
    settings: dict[str, Any], key: str, nearest: str, page: str
) -> None:
    [line] = told({"one": settings})
    assert line.startswith(f"one.{key}` is ")
    assert page in line
    assert line.endswith(f"The nearest is {nearest!r}.")


def test_two_tables_of_an_instance_have_two_names() -> None:
    [line] = told({"one": {**REPLICA, "replica": {"tableName": "logfile"}}})
    assert line.startswith(f"one.source.tableName` and `{KEY}.one.replica.tableName` both name the table 'logfile'; ")
    assert line.endswith("such as 'logfile-2' for the second.")


def test_roles_are_the_same_in_any_case() -> None:
    click_stream = {"function": function("DynamoDB-ProdAnalyticsWrite")}
    [line] = told(
        {"one": {**TARGET, "clickStream": click_stream, "writerRoleName": "dynamodb-prodanalyticswrite-ROLE"}}
    )
    assert "both name the role" in line


def test_two_instances_of_one_kind_are_told_apart_by_a_prefix() -> None:
    [line] = told({"one": TARGET, "two": TARGET})
    assert line.startswith("two` would make the role 'DynamoDB-ProdAnalyticsWrite-role', table 'prod-raven")
    assert "which `one` of Pulumi.poc.yaml makes in the same account" in line
    assert "Set `namePrefix: two-` in `tributary:architectures.two`" in line
    two = parse(KINDS, FILE, {"one": TARGET, "two": {**TARGET, "namePrefix": "two-"}})
    check_place(FILE, HERE, REGION, two)
    assert (two["two"].table_name, two["two"].writer_role_name) == (
        "two-prod-raven-lambda-webanalytics-crossaccount",
        "two-DynamoDB-ProdAnalyticsWrite-role",
    )


def test_a_prefix_is_put_before_names_that_the_file_says_too_and_not_before_those_of_the_other_side() -> None:
    parsed = parse(
        KINDS,
        FILE,
        {
            "one": {**TARGET, "namePrefix": "staging-", "tableName": "clicks"},
            "two": {**TARGET, "namePrefix": "s2-", "writer": {"accountId": HERE, "roleName": "TheirRole"}},
        },
    )
    assert (parsed["one"].table_name, parsed["one"].writer.role_name) == (
        "staging-clicks",
        "staging-LambdaKinesisDynamo",
    )
    assert parsed["two"].writer.role_name == "TheirRole"


def test_a_stack_beside_another_in_the_same_account_is_told_what_the_other_makes(tmp_path: Path) -> None:
    config = {"aws:region": REGION, "aws:allowedAccountIds": [HERE], KEY: {"web-analytics": TARGET}}
    (tmp_path / "Pulumi.poc.staging.yaml").write_text(yaml.safe_dump({"config": config}))
    (tmp_path / "Pulumi.wrong.yaml").write_text("config: [")
    others = other_stacks(KINDS, tmp_path, FILE)
    [line] = told({"web-analytics": TARGET}, others)
    assert "of Pulumi.poc.staging.yaml makes in the same account. Set `namePrefix: poc-`" in line
    prefixed = {"web-analytics": {**TARGET, "namePrefix": "poc-"}}
    check_place(FILE, HERE, REGION, parse(KINDS, FILE, prefixed), others)
    check_place(FILE, "111111111111", REGION, parse(KINDS, FILE, {"web-analytics": TARGET}), others)
    # Roles and dashboards are the account's, whatever the Region.
    with pytest.raises(SettingsError, match=r"would make the dashboard 'tributary-web-analytics', role 'DynamoDB-Prod"):
        check_place(FILE, HERE, "us-east-1", parse(KINDS, FILE, {"web-analytics": TARGET}), others)


def test_the_stacks_of_this_project_take_no_names_from_each_other() -> None:
    for path in PROJECT.glob("Pulumi.*.yaml"):
        config = yaml.safe_load(path.read_text())["config"]
        parsed = parse(KINDS, path.name, config[KEY])
        [account] = config["aws:allowedAccountIds"]
        check_place(path.name, account, config["aws:region"], parsed, other_stacks(KINDS, PROJECT, path.name))


# The types of named things, by what `naming` calls them, and the input that names them.
NAMED_TYPES = {
    "Function": "function", "Role": "role", "Table": "table", "Stream": "stream", "StreamConsumer": "stream consumer",
    "FirehoseDeliveryStream": "delivery stream", "Bucket": "bucket", "Alias": "key alias",
    "StateMachine": "state machine", "Workgroup": "workgroup", "Dashboard": "dashboard",
}  # fmt: skip
# Named after one of those, which is unique: `/aws/lambda/<function>`, `tributary-<instance>-…`, `tributary_<instance>`;
# or within one of those, as tables of a database and metrics of a bucket.
FOLLOWING = {"LogGroup", "LogStream", "MetricAlarm", "CatalogDatabase", "CatalogTable", "BucketMetric"}


def physical_names(declared: list[Declared]) -> set[tuple[str, str]]:
    found = set()
    for one in declared:
        kind = one.type.rpartition(":")[2]
        name = one.inputs.get("dashboardName") or one.inputs.get("bucket" if kind == "Bucket" else "name")
        if kind in NAMED_TYPES:
            found.add((NAMED_TYPES[kind], name or f"{one.name}-0000000"))
            found |= {("index", index["name"]) for index in one.inputs.get("globalSecondaryIndexes", [])}
        else:
            assert name is None or kind in FOLLOWING, f"{one.type} is named and not in `naming`"
    return found


@pytest.mark.mocks
@pytest.mark.parametrize(
    "settings",
    [
        {**TARGET, "index": {"attribute": "userid"}, "clickStream": {}},
        {**TARGET, "weekly": {"current": "2026-W47", "older": ["2026-W46"]}, "bucketName": "a-lake"},
        {**SOURCE, "target": {"roleArn": f"arn:aws:iam::{HERE}:role/w", "region": REGION, "tableName": "clicks"}},
        {**REPLICA, "bulk": {}, "guarded": True},
        {"kind": "data-lake", "bulk": {}},
        {"kind": "data-lake", "keyAlias": "alias/the-lake", "bucket": {"replica": {"region": "eu-west-1"}}},
        {"kind": "data-lake/producer", "bulk": {}, "lake": LAKE},
        {"kind": "data-lake/consumer", "producer": {"accountId": "2" * 12}},
        {**FAR_END, "guarded": True},
        OWNER,
        {
            **SUBSCRIBER,
            "owner": {
                "streamArn": f"arn:aws:kinesis:{REGION}:{HERE}:stream/s",
                "consumerArn": f"arn:aws:kinesis:{REGION}:{HERE}:stream/s/consumer/c:1",
                "keyArn": f"arn:aws:kms:{REGION}:{HERE}:key/k",
            },
        },
    ],
    ids=lambda settings: str(settings["kind"]),
)
def test_what_is_checked_is_what_is_made(settings: dict[str, Any]) -> None:
    architectures = {"one": {**settings, "namePrefix": "staging-"}}
    names = parse(KINDS, FILE, architectures)["one"].names("one")
    made = physical_names(declare(architectures, HERE)[0])
    # A kind that makes no key keeps the name of one all the same.
    alias = set() if "keyAlias" in settings else {("key alias", "alias/tributary/staging-one")}
    assert {(name.what, name.text) for name in names} - {("instance", "staging-one")} == made | alias
    prefixes = ("staging-", "alias/tributary/staging-one", "alias/staging-")
    unprefixed = {name for _, name in made if not name.startswith(prefixes)}
    assert unprefixed <= {"tributary-staging-one", "tributary-staging-one-bulk", "userid-index", "GSI_1", "subscriber"}


@pytest.mark.parametrize("what", sorted(RULES))
def test_a_nearest_name_is_one_that_the_rule_allows(what: Any) -> None:
    rule = RULES[what]
    for name in ("über_Große Namen." + "x" * 300, "-.-a b c-.-"):
        nearest = rule.nearest(name, rule.longest)
        assert rule.allows(nearest), (what, nearest)
        assert re.search(r"[/.]", rule.page)


TOPIC = f"arn:aws:sns:us-east-1:{HERE}:told"
FAR_TABLE = f"arn:aws:dynamodb:eu-west-2:{HERE}:table/logs"
CHINESE = f"arn:aws-cn:iam::{HERE}:role/w"


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {**SUBSCRIBER, "alarmTopicArn": TOPIC},
            f"one.alarmTopicArn` is '{TOPIC}'; it must be in the stack's own Region, eu-west-1.",
        ),
        (
            {**REPLICA, "source": {"tableArn": FAR_TABLE, "streamArn": f"{FAR_TABLE}/stream/1"}},
            f"one.source.tableArn` is '{FAR_TABLE}'; it must be in the stack's own Region, eu-west-1.",
        ),
        (
            {**SOURCE, "target": {"roleArn": CHINESE, "region": "cn-north-1", "tableName": "tab"}},
            f"one.target.roleArn` is '{CHINESE}'; ARNs in eu-west-1 begin with 'arn:aws:'.",
        ),
    ],
    ids=["topic", "table", "partition"],
)
def test_an_arn_of_elsewhere_is_told(settings: dict[str, Any], line: str) -> None:
    assert line in told({"one": settings})


def test_a_region_that_is_none_is_told_with_the_nearest() -> None:
    target = {"roleArn": f"arn:aws:iam::{HERE}:role/w", "region": "eu-wst-1", "tableName": "tab"}
    [line] = told({"one": {**SOURCE, "target": target}})
    assert line == "one.target.region` is 'eu-wst-1'; it must name a Region such as eu-west-1."


def older(count: int) -> list[str]:
    return [f"{2025 - place // 52}-W{52 - place % 52:02}" for place in range(count)]


def test_more_weeks_than_a_policy_or_the_variables_hold_are_told_with_how_many_they_do() -> None:
    [line] = told({"one": {**TARGET, "weekly": {"current": "2026-W47", "older": older(80)}}})
    assert (
        "its `weekly` makes 83 tables; the policy of the forwarder's role and the variables of the copier hold" in line
    )
    [most] = re.findall(r"Keep at most (\d+) `older` weeks", line)
    assert int(most) >= 15
    parse(KINDS, FILE, {"one": {**TARGET, "weekly": {"current": "2026-W47", "older": older(int(most))}}})


@pytest.mark.mocks
def test_the_policy_of_as_many_weeks_as_are_allowed_is_one_that_iam_takes() -> None:
    table = "prod-raven-lambda-webanalytics-crossaccount-2026-W47"
    count = min(most_streams(len(table)), most_weeks(len(table))) - 3
    settings = {**TARGET, "clickStream": {}, "weekly": {"current": "2026-W47", "older": older(count)}}
    declared, _ = declare({"one": settings}, HERE)
    real = len(f"arn:aws:dynamodb:{REGION}:{HERE}:table/{table}/stream/{'t' * 23}")
    for policy in (one for one in declared if one.type.endswith(":RolePolicy")):
        text = json.dumps(json.loads(policy.inputs["policy"]), separators=(",", ":"))
        # The mocks' ARNs are shorter than AWS's.
        longer = text.count("/stream/1") * (real - len(f"arn:aws:dynamodb:{table}/stream/1"))
        assert len(text) + longer <= ROLE_POLICIES, policy.name
