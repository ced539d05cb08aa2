"""Targets are checked before they are written; each refusal names the option, what is right and what to type."""

from __future__ import annotations

from typing import Any

import pytest
from fake_platform import ACCOUNT, QUEUE, QUEUE_URL, STREAM, TABLE, TABLE_STREAM, FakeAws, platform_of, row

from handlers.fan_out.rows import item_of
from operations.errors import OperationError
from operations.fan_out import registering
from operations.fan_out.options import AskedRow, AskedSource, SourceType

pytestmark = pytest.mark.pure

OF_STREAM = AskedSource("inputStream", None, SourceType.KINESIS)
THERE = "arn:aws:iam::999999999999:role/fanout-target"


def asked(destination: str | None = "orders", index: str | None = None, **options: Any) -> AskedRow:
    return AskedRow(destination, index, None, **options)


def register(aws: FakeAws, kind: str = "sqs", source: AskedSource = OF_STREAM, **said: Any) -> str:
    return registering.register(platform_of(aws), source, kind, "target1", asked(**said))


def refusal(aws: FakeAws, kind: str = "sqs", source: AskedSource = OF_STREAM, **said: Any) -> str:
    """What a register command is refused with; nothing is written then."""
    before = list(aws.items)
    with pytest.raises(OperationError) as error:
        register(aws, kind, source, **said)
    assert aws.items == before
    return str(error.value)


def test_a_target_is_written_as_the_original_would_and_is_not_active_unless_said() -> None:
    aws = FakeAws()
    told = register(aws)
    assert aws.items == [
        item_of({"sourceArn": STREAM, "id": "target1", "type": "sqs", "destination": QUEUE_URL, "active": False})
    ]
    assert told == (
        "Target target1 of inputStream: not active; `tributary fanout activate` lets it get records, in force within a "
        "minute."
    )


def test_every_option_of_the_original_is_written() -> None:
    aws = FakeAws(there={QUEUE, f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/outputStream"})
    choices = ("active", "parallel", "convert_ddb", "deaggregate", "append_newlines", "passthrough")
    said = {"role": THERE, "external_id": "5f1d", "target_region": "us-east-1", "collapse": "concat"}
    register(aws, "kinesis", destination="outputStream", **said, **dict.fromkeys(choices, True))
    assert aws.items == [
        item_of(
            {
                "sourceArn": STREAM,
                "id": "target1",
                "type": "kinesis",
                "destination": "outputStream",
                "role": THERE,
                "externalId": "5f1d",
                "region": "us-east-1",
                "collapse": "concat",
                **dict.fromkeys(
                    ("active", "parallel", "convertDDB", "deaggregate", "appendNewlines", "passthrough"), True
                ),
            }
        )
    ]


@pytest.mark.parametrize(
    ("source", "arn"),
    [
        (AskedSource("logfile", None, SourceType.DYNAMODB), TABLE_STREAM),
        (AskedSource(None, TABLE, None), TABLE),
        (AskedSource(None, f"{STREAM}/consumer/app:1700000000", None), STREAM),
        (AskedSource("inputStream", None, None), STREAM),
    ],
)
def test_a_source_is_named_by_name_or_by_arn(source: AskedSource, arn: str) -> None:
    aws = FakeAws()
    register(aws, source=source)
    assert [item["sourceArn"]["S"] for item in aws.items] == [arn]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            AskedSource(None, None, None),
            "no source is named. Add `--source` with one of inputStream (kinesis), logfile",
        ),
        (AskedSource("inputstream", None, None), "--source inputstream is none of the sources that `fanout` may read"),
        (AskedSource("logfile", None, SourceType.KINESIS), "--source logfile of type kinesis is none of the sources"),
        (AskedSource(None, f"{STREAM}2", None), f"--source-arn {STREAM}2 is none of the sources"),
    ],
)
def test_a_source_that_is_not_there_is_named_with_those_that_are(source: AskedSource, told: str) -> None:
    found = refusal(FakeAws(), source=source)
    assert found.startswith(told)
    assert "inputStream (kinesis), logfile (dynamodb)" in found


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("sqs", {"destination": None}, "--destination is missing"),
        ("sqq", {}, "TYPE: type is 'sqq'; it must be one of sns, sqs, es, kinesis"),
        ("sqs", {"destination": "https://example.org"}, "--destination: destination is 'https://example.org'; it must"),
        (
            "sqs",
            {"collapse": "json"},
            "--collapse: collapse is 'json'; it must be one of none, JSON, concat, concat-b64",
        ),
        ("sqs", {"role": "there", "destination": QUEUE}, "--destination-role-arn: role is 'there'; it must be the ARN"),
        ("sqs", {"external_id": "5f1d"}, "--external-id: externalId is given without role"),
        ("sqs", {"target_region": "Ireland", "destination": QUEUE}, "--destination-region: region is 'Ireland'"),
        ("sqs", {"filter": "{"}, "--filter: filter is '{': it is not JSON"),
        ("sqs", {"transform": "a..b"}, "--transform: transform is 'a..b'"),
        ("sqs", {"max_concurrency": 0}, "--max-concurrency: maxConcurrency is 0; it must be a whole number from 1"),
        ("sqs", {"index": "a/b"}, "--index a/b: only targets of type es have an index"),
        ("es", {"destination": "domain"}, "--destination domain: a domain's name needs `--index`"),
        ("sqs", {"role": THERE}, "--destination orders: with --destination-role-arn it must be the queue's URL or ARN"),
        ("redis", {"destination": "a.b.ng.0001.euw1.cache.amazonaws.com:6379"}, "TYPE redis: such a target is reached"),
    ],
)
def test_a_refusal_names_the_option(kind: str, said: dict[str, Any], told: str) -> None:
    assert refusal(FakeAws(), kind, **said).startswith(told)


def test_a_destination_that_is_not_there_is_refused() -> None:
    told = refusal(FakeAws(), destination="other")
    assert told.startswith("--destination other: An error occurred (AWS.SimpleQueueService.NonExistentQueue)")
    told = refusal(FakeAws(), "kinesis", destination="outputStream")
    assert told.startswith(
        f"--destination outputStream: account {ACCOUNT} has no arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/outputStream"
    )


def test_a_destination_that_the_role_may_not_reach_is_refused_with_the_setting_that_lets_it() -> None:
    told = refusal(FakeAws(allowed=[]))
    assert told.startswith(f"--destination: role fanout-role of `fanout` may not call sqs:SendMessage on {QUEUE}.")
    assert "under `reaches` of `fan-out` in Pulumi.platform.yaml and type `tributary up platform`" in told
    assert "It is of account" not in told


def test_a_destination_of_another_account_is_refused_unless_a_role_or_the_stack_says_otherwise() -> None:
    theirs = "arn:aws:sqs:eu-west-1:999999999999:orders"
    told = refusal(FakeAws(allowed=[QUEUE]), destination=theirs)
    assert (
        "It is of account 999999999999: name a role there by --destination-role-arn, or have it allow this role" in told
    )
    assert "is there is for `tributary fanout test --id target1` to show" in register(FakeAws(), destination=theirs)


def test_a_role_that_may_not_be_assumed_is_refused() -> None:
    told = refusal(FakeAws(allowed=[QUEUE]), destination=QUEUE, role=THERE)
    assert told.startswith(
        f"--destination-role-arn: role fanout-role of `fanout` may not call sts:AssumeRole on {THERE}."
    )
    assert "under `assumes`" in told


def test_what_may_not_be_looked_at_is_told_and_written() -> None:
    aws = FakeAws(may_look=False)
    told = register(aws, "kinesis", destination="outputStream")
    assert told.count("note: whether ") == 2
    assert len(aws.items) == 1


def test_an_id_that_is_taken_is_refused_also_where_its_row_is_under_the_table() -> None:
    of_table = AskedSource("logfile", None, SourceType.DYNAMODB)
    told = refusal(FakeAws([row("target1", TABLE)]), source=of_table)
    assert told.startswith(f"--id target1: there is such a target of {TABLE} already. Type `tributary fanout update`")


def update(aws: FakeAws, **said: Any) -> str:
    return registering.update(platform_of(aws), OF_STREAM, "target1", asked(**{"destination": None, **said}))


def test_an_update_changes_whatever_is_said_and_nothing_else() -> None:
    before = row("target1", collapse="none", filter='{"data": {"a": [1]}}')
    aws = FakeAws([before, row("target2")], there={QUEUE, f"{QUEUE}-2"})
    told = update(aws, destination="orders-2", parallel=False, filter="")
    assert told == "Target target1: destination, filter, parallel changed, in force within a minute."
    assert aws.items == [row("target2"), row("target1", destination=f"{QUEUE_URL}-2", collapse="none", parallel=False)]


def test_an_update_is_checked_as_a_whole() -> None:
    aws = FakeAws([row("target1", role=THERE, externalId="5f1d")])
    with pytest.raises(OperationError, match=r"^--external-id: externalId is given without role"):
        update(aws, role="")
    with pytest.raises(OperationError, match=r"^nothing is to be changed: name an option"):
        update(aws)
    assert aws.items == [row("target1", role=THERE, externalId="5f1d")]


def test_what_a_stack_file_declares_is_changed_there() -> None:
    aws = FakeAws([row("target1", declared=True)])
    platform = platform_of(aws)
    for attempt in (
        lambda: update(aws, parallel=False),
        lambda: registering.switch(platform, OF_STREAM, "target1", on=False),
    ):
        with pytest.raises(OperationError, match=r"^--id target1: that target is declared in Pulumi.platform.yaml"):
            attempt()
    assert aws.items == [row("target1", declared=True)]


def test_a_target_is_switched_off_and_on_and_a_wrong_one_only_off() -> None:
    aws = FakeAws([row("target1"), row("target2", collapse="json")])
    platform = platform_of(aws)
    registering.switch(platform, OF_STREAM, "target1", on=False)
    registering.switch(platform, OF_STREAM, "target2", on=False)
    assert [item["active"]["BOOL"] for item in aws.items] == [False, False]
    registering.switch(platform, AskedSource(None, None, None), "target1", on=True)
    with pytest.raises(OperationError, match=r"^--collapse: collapse is 'json'"):
        registering.switch(platform, OF_STREAM, "target2", on=True)
    assert {item["id"]["S"]: item["active"]["BOOL"] for item in aws.items} == {"target1": True, "target2": False}


def test_a_target_that_is_not_there_is_told_with_those_that_are() -> None:
    platform = platform_of(FakeAws([row("a"), row("b")]))
    with pytest.raises(OperationError, match=r"^--id target1: inputStream has no such target; it has a, b"):
        registering.switch(platform, OF_STREAM, "target1", on=True)


def test_validate_tells_which_function_only_the_drainer_invokes() -> None:
    waited = {"type": "lambda", "destination": "orders", "role": THERE, "invocation": "RequestResponse"}
    rows = [row("long", **waited), row("short", **waited, answerSeconds=2)]
    result = registering.validate(platform_of(FakeAws(rows)), AskedSource(None, None, None))
    assert result.failed is None
    long, short = result.text.splitlines()
    assert long.startswith("long of inputStream: right; the function may work for 6 s, which nobody else waits for")
    assert short == "short of inputStream: right"


def test_validate_checks_every_row_as_register_does() -> None:
    foreign = f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/other"
    rows = [row("a"), row("b", destination="nowhere"), row("c", destination=f"{QUEUE_URL}-2"), row("d", foreign)]
    result = registering.validate(platform_of(FakeAws(rows)), AskedSource(None, None, None))
    problems = {one["id"]: one["problem"] for one in result.shown["targets"]}
    assert problems["a"] is None
    assert problems["b"].startswith("destination is 'nowhere'; it must be the URL or the ARN of a queue")
    assert problems["c"].startswith(f"--destination {QUEUE_URL}-2: account {ACCOUNT} has no {QUEUE}-2")
    assert problems["d"].startswith(f"sourceArn: {foreign} is none of the sources of Pulumi.platform.yaml")
    assert result.failed is not None
    assert result.failed.startswith("3 of 4 targets are wrong.")
