"""A stack file's mistakes are told with the file, the key, what was found, what is allowed and the nearest spelling."""

from typing import Any

import pytest
import yaml

from components.cross_account_copy.settings import SourceSettings, TargetAccess, TargetSettings
from components.errors import SettingsError
from components.kinds import KINDS
from components.settings import Capacity, Peer
from components.stack_files import allowed_account, parse

pytestmark = pytest.mark.pure

FILE = "Pulumi.poc.yaml"
ALL_KINDS = ", ".join(sorted(KINDS))
TARGET: dict[str, Any] = {"kind": "cross-account-copy/target", "writer": {"accountId": "111111111111"}}
SOURCE: dict[str, Any] = {"kind": "cross-account-copy/source", "target": {"stack": "poc"}}


def settings_of(text: str) -> dict[str, Any]:
    return dict(parse(KINDS, FILE, yaml.safe_load(text)))


def mistakes(found: object) -> list[str]:
    with pytest.raises(SettingsError) as told:
        parse(KINDS, FILE, found)
    lines = str(told.value).splitlines()
    assert all(line.startswith(f"{FILE}: `tributary:architectures") for line in lines)
    return [line.removeprefix(f"{FILE}: ") for line in lines]


def test_the_defaults_are_those_of_the_published_architecture() -> None:
    target = parse(KINDS, FILE, {"copy": TARGET})["copy"]
    assert isinstance(target, TargetSettings)
    assert target.table_name == "prod-raven-lambda-webanalytics-crossaccount"
    assert target.capacity == Capacity(read=20, write=20)
    assert target.writer_role_name == "DynamoDB-ProdAnalyticsWrite-role"
    assert target.writer.role_arn("aws") == "arn:aws:iam::111111111111:role/LambdaKinesisDynamo"
    forwarder = target.forwarder
    assert (forwarder.name, forwarder.batch_size, forwarder.memory_mb, forwarder.timeout_seconds) == (
        "PocLambdaFirehose",
        300,
        128,
        300,
    )
    delivery = target.delivery
    assert (delivery.name, delivery.prefix, delivery.buffer_mb, delivery.buffer_seconds, delivery.compression) == (
        "prod-s3-firehose",
        "prod-kinesis-data",
        5,
        300,
        "UNCOMPRESSED",
    )

    source = parse(KINDS, FILE, {"copy": SOURCE})["copy"]
    assert isinstance(source, SourceSettings)
    copier = source.copier
    assert (copier.name, copier.batch_size, copier.memory_mb, copier.timeout_seconds) == (
        "ProdKinesisToPocDynamo",
        300,
        128,
        120,
    )
    assert (source.stream_name, source.copier_role_name) == ("web-analytics", "LambdaKinesisDynamo")
    assert list(source.peers()) == [Peer(stack="poc", instance="copy")]


def test_the_other_side_may_be_literal_values() -> None:
    found = settings_of("""
        copy:
          kind: cross-account-copy/source
          target:
            roleArn: arn:aws:iam::999999999999:role/writer
            region: eu-west-1
            tableName: clicks
    """)["copy"]
    assert found.target == TargetAccess(
        role_arn="arn:aws:iam::999999999999:role/writer", region="eu-west-1", table_name="clicks"
    )
    assert found.target.tables == {"table": "clicks"}
    assert list(found.peers()) == []


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-22T10:00:00Z",
        "2026-11-22T10:00:00.987Z",
        "2026-11-22T11:00:00.5+01:00",
        "2026-11-22 10:00:00 +0000 UTC",
    ],
)
def test_a_start_is_said_as_the_provider_reads_it_back(said: str) -> None:
    """In another form the mapping would be made anew at every deployment, and read its stream again."""
    found = settings_of(f"""
        copy:
          kind: cross-account-copy/source
          target: {{stack: poc}}
          startingTimestamp: "{said}"
    """)["copy"]
    assert found.starts_at == "2026-11-22T10:00:00Z"


def test_weekly_tables_are_this_week_and_the_next_over_the_turn_of_a_year() -> None:
    found = settings_of("""
        copy:
          kind: cross-account-copy/target
          writer: {accountId: "111111111111"}
          weekly: {current: 2026-W53, older: [2026-W52]}
    """)["copy"]
    assert (found.weekly.current, found.weekly.following, found.weekly.older) == (
        "2026-W53",
        "2027-W01",
        ("2026-W52",),
    )


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            None,
            (
                "`tributary:architectures` is missing; it must be a map from an instance name to `{kind: …}`. "
                f"The kinds are {ALL_KINDS}. "
                "docs/configuration.md has one example of each."
            ),
        ),
        ({"copy": 7}, "`tributary:architectures.copy` is 7; it must be a map with at least `kind`."),
        (
            {"copy": {"kind": "cross-account-copy/targt"}},
            (
                "`tributary:architectures.copy.kind` is 'cross-account-copy/targt'; it must be one of "
                f"{ALL_KINDS}. Did you mean `cross-account-copy/target`?"
            ),
        ),
        (
            {"copy": {**SOURCE, "shardCount": 0}},
            "`tributary:architectures.copy.shardCount` is 0; it must be at least 1.",
        ),
        (
            {"copy": {**SOURCE, "target": {"stak": "poc"}}},
            "`tributary:architectures.copy.target.stack` is missing; it is required.",
        ),
        (
            {"copy": {**TARGET, "capacity": {"read": 20}}},
            "`tributary:architectures.copy.capacity.write` is missing; it is required.",
        ),
        (
            {"copy": {**TARGET, "capacity": "ondemand"}},
            "`tributary:architectures.copy.capacity` is 'ondemand'; it must be 'on-demand'.",
        ),
        (
            {"copy": {**TARGET, "writer": {"accountId": 111111111111}}},
            "`tributary:architectures.copy.writer.accountId` is 111111111111; it must be text: put it in quotes.",
        ),
        (
            {"copy": {**TARGET, "weekly": {"current": "2025-W53"}}},
            "`tributary:architectures.copy.weekly.current` is '2025-W53'; Invalid week: 53.",
        ),
        (
            {"copy": {**TARGET, "forwarder": {"name": "f", "batchSize": 300, "timeoutSeconds": 901}}},
            "`tributary:architectures.copy.forwarder.timeoutSeconds` is 901; it must be at most 900.",
        ),
    ],
)
def test_a_mistake_is_told(found: object, told: str) -> None:
    assert told in mistakes(found)


def test_an_unknown_setting_is_told_with_the_nearest_and_with_all_that_are_allowed() -> None:
    [told] = mistakes({"copy": {**TARGET, "tableNme": "clicks"}})
    assert told.startswith("`tributary:architectures.copy.tableNme` is not a setting. Did you mean `tableName`?")
    assert "Allowed here: alarmTopicArn, bucketName, capacity, clickStream," in told


def test_every_mistake_of_a_file_is_told_at_once() -> None:
    assert len(mistakes({"a": {**TARGET, "capacity": "x"}, "b": {**SOURCE, "streamName": "no spaces"}})) == 2


def test_a_literal_target_names_one_table_or_the_weekly_ones() -> None:
    access = {"roleArn": "arn:aws:iam::999999999999:role/writer", "region": "eu-west-1"}
    for tables in ({"weeklyTables": {"2026-W47": "clicks"}}, {"tableName": "a-b", "olderTable": "older"}):
        [told] = mistakes({"copy": {**SOURCE, "target": {**access, **tables}}})
        assert told.endswith("it must have either `tableName`, or both `weeklyTables` and `olderTable`.")


@pytest.mark.parametrize("found", [None, [], ["1"], "111111111111", ["111111111111", "999999999999"]])
def test_a_stack_names_its_one_account(found: object) -> None:
    with pytest.raises(SettingsError, match="must be a list of one 12-digit account ID in quotes"):
        allowed_account(FILE, found)
