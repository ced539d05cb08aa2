"""The copier as Lambda runs it, against a fake of the other account."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from fake_aws import FakeAws, FakeContext, Fault, Partly, Refusal, Timeout, Unanswered
from stream_events import DONE, SHARD, STREAM, failed_at, json_event, kinesis_event, sequence_number

pytestmark = pytest.mark.pure

ROLE_ARN = "arn:aws:iam::999999999999:role/DynamoDB-ProdAnalyticsWrite-role"
TABLE = "prod-raven-lambda-webanalytics-crossaccount"


@pytest.fixture
def copier(load: Callable[..., ModuleType]) -> ModuleType:
    return load("cross_account_copier", ROLE_ARN=ROLE_ARN, TABLE_NAME=TABLE)


def expected(index: int, **attributes: Any) -> dict[str, Any]:
    """The item of the record `index`, in DynamoDB JSON."""
    return {
        **attributes,
        "sequenceNumber": {"S": sequence_number(index)},
        "shardId": {"S": SHARD},
        "seqNumbershardIdHash": {"S": f"{sequence_number(index)[-3:-1]}_{SHARD}"},
    }


def written(aws: FakeAws, table: str = TABLE) -> list[Any]:
    return sorted(aws.items(table), key=lambda item: item["sequenceNumber"]["S"])


def clicks(count: int) -> list[dict[str, int]]:
    return [{"click": index} for index in range(count)]


def expected_clicks(count: int) -> list[dict[str, Any]]:
    return [expected(index, click={"N": str(index)}) for index in range(count)]


def test_a_record_becomes_the_item_that_the_seed_wrote(aws: FakeAws, copier: ModuleType) -> None:
    event = json_event(
        {"event": "page view", "useremail_": "a@b.c", "price": 1.5, "none": None, "empty": "", "shardId": "forged"}
    )

    assert copier.handler(event, FakeContext()) == DONE

    assert written(aws) == [expected(0, event={"S": "page view"}, useremail_={"S": "a@b.c"}, price={"N": "1.5"})]


def test_an_empty_batch_is_done_without_a_call(aws: FakeAws, copier: ModuleType) -> None:
    assert copier.handler({"Records": []}, FakeContext()) == DONE
    assert aws.calls == []


def test_ten_thousand_records_go_in_full_batches_under_one_session(aws: FakeAws, copier: ModuleType) -> None:
    assert copier.handler(json_event(*clicks(10_000)), FakeContext()) == DONE

    assert written(aws) == expected_clicks(10_000)
    assert len(aws.called("BatchWriteItem")) == 400
    assert len(aws.called("AssumeRole")) == 1


def test_the_role_is_assumed_for_900_seconds_and_kept_for_later_invocations(
    aws: FakeAws, load: Callable[..., ModuleType]
) -> None:
    copier = load(
        "cross_account_copier",
        ROLE_ARN=ROLE_ARN,
        TABLE_NAME=TABLE,
        EXTERNAL_ID="a-secret-word",
        AWS_LAMBDA_FUNCTION_NAME="ProdKinesisToPocDynamo",
    )

    for _ in range(3):
        assert copier.handler(json_event(*clicks(30)), FakeContext()) == DONE

    (request,) = aws.called("AssumeRole")
    assert (request["RoleArn"], request["DurationSeconds"]) == (ROLE_ARN, "900")
    assert (request["RoleSessionName"], request["ExternalId"]) == ("ProdKinesisToPocDynamo", "a-secret-word")


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Refusal("ProvisionedThroughputExceededException")] * 6, id="table throttled"),
        pytest.param([Refusal("ThrottlingException")] * 3, id="API throttled"),
        pytest.param([Partly((0, 7, 24)), Partly((2,)), Partly(tuple(range(25)))], id="unprocessed items"),
        pytest.param([Refusal("InternalServerError", 500), Refusal("SomethingNew", 503)], id="server errors"),
        pytest.param([Timeout(), Timeout()], id="timeouts"),
        pytest.param([Refusal("ExpiredTokenException")] * 4, id="credentials expire in mid-batch"),
        pytest.param([Refusal("UnrecognizedClientException")], id="credentials revoked"),
    ],
)
def test_a_passing_fault_is_retried_within_the_invocation(
    aws: FakeAws, copier: ModuleType, faults: list[Fault]
) -> None:
    copier.handler(json_event({"warm": "up"}), FakeContext())
    aws.tables.clear()
    aws.script("BatchWriteItem", *faults)

    assert copier.handler(json_event(*clicks(120)), FakeContext()) == DONE

    assert written(aws) == expected_clicks(120)


def test_expired_credentials_are_renewed_once_for_all_threads(aws: FakeAws, copier: ModuleType) -> None:
    copier.handler(json_event({"warm": "up"}), FakeContext())
    aws.script("BatchWriteItem", Refusal("ExpiredTokenException"))

    assert copier.handler(json_event(*clicks(200)), FakeContext()) == DONE

    assert len(aws.called("AssumeRole")) == 2


def test_only_unprocessed_items_are_sent_again(aws: FakeAws, copier: ModuleType) -> None:
    aws.script("BatchWriteItem", Partly((3, 5)))

    assert copier.handler(json_event(*clicks(10)), FakeContext()) == DONE

    _, second = aws.called("BatchWriteItem")
    assert second == {
        "RequestItems": {
            TABLE: [{"PutRequest": {"Item": expected(index, click={"N": str(index)})}} for index in (3, 5)]
        }
    }


DEEP = '{"item":' + '{"a":' * 32 + "1" + "}" * 33
POISON = {
    "not JSON": b"not json",
    "cut short": b'{"a": ',
    "a list": b"[1]",
    "a string": b'"text"',
    "not UTF-8": b'{"a": "\xff"}',
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": {"b": [-Infinity]}}',
    "39 digits": b'{"a": 123456789012345678901234567890123456789}',
    "number too large": b'{"a": 1e126}',
    "number too small": b'{"a": 1e-131}',
    "32 maps around a number": DEEP.encode(),
    "more levels than Python's stack": b'{"a":' * 100_000,
    "empty attribute name": b'{"a": {"": 1}}',
    "over 400 KB": json.dumps({"a": "x" * 410_000}).encode(),
}


@pytest.mark.parametrize("payload", POISON.values(), ids=POISON)
def test_a_record_that_can_never_be_applied_is_set_aside_whole_and_holds_up_nobody(
    aws: FakeAws, copier: ModuleType, payload: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [json.dumps(click).encode() for click in clicks(60)]
    event = kinesis_event([*good, payload, *good])

    assert copier.handler(event, FakeContext()) == DONE

    assert written(aws) == [*expected_clicks(60), *(expected(61 + n, click={"N": str(n)}) for n in range(60))]
    [(key, kept)] = aws.objects.items()
    assert key == f"failures/poison/a-function/web-analytics/{SHARD}/{sequence_number(60)}.json"
    assert json.loads(kept["payload"]) == {"Records": [event["Records"][60]]}
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["Poisoned"], line["Waiting"], line["Written"]) == ("ERROR", 1, 0, 120)
    assert line["poison"] == [f"{sequence_number(60)}: {kept['reason']}"]
    assert len(kept["reason"]) < 200


def test_what_is_kept_of_a_poison_record_says_where_it_is_from(aws: FakeAws, copier: ModuleType) -> None:
    before = datetime.now(UTC)
    copier.handler(kinesis_event([b"not json"]), FakeContext())

    [kept] = aws.objects.values()
    assert datetime.fromisoformat(kept.pop("time")) >= before.replace(microsecond=0)
    del kept["payload"], kept["reason"]
    assert kept == {
        "errorKind": "undecidable",
        "function": "a-function",
        "source": STREAM,
        "shard": SHARD,
        "sequenceNumber": sequence_number(0),
    }


def test_the_item_that_the_service_refuses_is_found_and_set_aside(aws: FakeAws, copier: ModuleType) -> None:
    """DynamoDB refuses a whole call for one item, here because an index's key has the wrong type."""
    aws.invalid = lambda item: "N" in item.get("user", {})
    documents = [{"user": "a"}] * 33 + [{"user": 7}] + [{"user": "b"}] * 33

    assert copier.handler(json_event(*documents), FakeContext()) == DONE

    users = [item["user"]["S"] for item in written(aws)]
    assert users == ["a"] * 33 + ["b"] * 33
    [(number, kept)] = aws.poison().items()
    assert (number, kept["errorKind"]) == (sequence_number(33), "refused")
    assert "ValidationException" in kept["reason"]


def test_any_number_of_poison_records_of_both_kinds_is_set_aside(aws: FakeAws, copier: ModuleType) -> None:
    aws.invalid = lambda item: item["click"] in ({"N": "40"}, {"N": "110"})

    assert copier.handler(json_event(*clicks(150), *["not an object"] * 60), FakeContext()) == DONE

    assert written(aws) == [item for index, item in enumerate(expected_clicks(150)) if index not in (40, 110)]
    assert sorted(aws.poison()) == [sequence_number(index) for index in (40, 110, *range(150, 210))]


def test_nothing_passes_a_poison_record_that_cannot_be_stored(
    aws: FakeAws, copier: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.broken["PutObject"] = Refusal("AccessDenied", 403)
    event = json_event(*clicks(30), "not an object", *clicks(3))

    assert copier.handler(event, FakeContext(0.2)) == failed_at(30)
    assert expected_clicks(30) == written(aws)[:30]
    line = json.loads(capsys.readouterr().out)
    assert (line["Waiting"], line["Poisoned"]) == (4, 0)
    assert "could not be set aside: PutObject was answered AccessDenied" in line["reason"]

    aws.broken.clear()
    event["Records"] = event["Records"][30:]
    assert copier.handler(event, FakeContext()) == DONE
    assert len(written(aws)) == 33


OUTAGES = {
    "role cannot be assumed": ("AssumeRole", Refusal("AccessDenied", 403, "not authorized to perform: sts:AssumeRole")),
    "permission withdrawn": ("BatchWriteItem", Refusal("AccessDeniedException")),
    "table missing": ("BatchWriteItem", Refusal("ResourceNotFoundException")),
    "key disabled": ("BatchWriteItem", Refusal("KMSDisabledException")),
    "throttled": ("BatchWriteItem", Refusal("ProvisionedThroughputExceededException")),
    "server error": ("BatchWriteItem", Refusal("InternalServerError", 500)),
    "no answer": ("BatchWriteItem", Timeout()),
    "credentials expired": ("BatchWriteItem", Refusal("ExpiredTokenException")),
    "unknown refusal": ("BatchWriteItem", Refusal("SomethingNewException")),
}


@pytest.mark.parametrize(("operation", "fault"), OUTAGES.values(), ids=OUTAGES)
def test_while_the_far_end_is_away_everything_waits_and_nothing_is_set_aside(
    aws: FakeAws, copier: ModuleType, operation: str, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.broken[operation] = fault
    event = json_event(*clicks(60))

    assert copier.handler(event, FakeContext(0.2)) == failed_at(0)

    assert (written(aws), aws.objects) == ([], {})
    assert len(aws.called(operation)) > 1, "it is tried again as long as the time lasts"
    line = json.loads(capsys.readouterr().out)
    assert (line["Waiting"], line["Poisoned"]) == (60, 0)
    aws.broken.clear()
    assert copier.handler(event, FakeContext()) == DONE
    assert written(aws) == expected_clicks(60)


def test_a_far_end_that_comes_back_within_the_invocation_is_not_noticed(aws: FakeAws, copier: ModuleType) -> None:
    aws.script("AssumeRole", *[Refusal("AccessDenied", 403)] * 5)
    aws.script("BatchWriteItem", *[Refusal("AccessDeniedException")] * 5)

    assert copier.handler(json_event(*clicks(60)), FakeContext()) == DONE
    assert written(aws) == expected_clicks(60)


def test_a_call_that_gets_no_answer_in_time_is_made_smaller(aws: FakeAws, copier: ModuleType) -> None:
    aws.script("BatchWriteItem", Unanswered(), Unanswered())

    assert copier.handler(json_event(*clicks(20)), FakeContext()) == DONE

    assert written(aws) == expected_clicks(20)
    assert [len(call["RequestItems"][TABLE]) for call in aws.called("BatchWriteItem")] == [20, 10, 5, 5, 10]


class RunningOut(FakeContext):
    """Has much time when the invocation starts and none from the second look on."""

    looks = 0

    def get_remaining_time_in_millis(self) -> int:
        self.looks += 1
        return 120_000 if self.looks == 1 else 0


def test_when_time_runs_out_the_rest_is_reported(aws: FakeAws, load: Callable[..., ModuleType]) -> None:
    copier = load("cross_account_copier", ROLE_ARN=ROLE_ARN, TABLE_NAME=TABLE, WRITE_THREADS="1")

    assert copier.handler(json_event(*clicks(200)), RunningOut()) == failed_at(25)
    assert written(aws) == expected_clicks(25)


def test_when_time_runs_out_while_throttled_the_first_unwritten_record_is_reported(
    aws: FakeAws, copier: ModuleType
) -> None:
    aws.script("BatchWriteItem", Partly((4, 9)))

    assert copier.handler(json_event(*clicks(20)), RunningOut()) == failed_at(4)
    assert written(aws) == [item for index, item in enumerate(expected_clicks(20)) if index not in (4, 9)]


def test_two_records_with_one_key_leave_the_later_one(aws: FakeAws, copier: ModuleType) -> None:
    event = json_event({"click": "first"}, {"click": "second"}, {"click": "other"})
    event["Records"][1] |= {"eventID": event["Records"][0]["eventID"]}
    event["Records"][1]["kinesis"]["sequenceNumber"] = sequence_number(0)

    assert copier.handler(event, FakeContext()) == DONE

    assert written(aws) == [expected(0, click={"S": "second"}), expected(2, click={"S": "other"})]


def test_applying_a_batch_twice_changes_nothing(aws: FakeAws, copier: ModuleType) -> None:
    event = json_event(*clicks(70))
    copier.handler(event, FakeContext())
    once = written(aws)

    assert copier.handler(event, FakeContext()) == DONE

    assert written(aws) == once == expected_clicks(70)


def test_the_log_is_one_line_of_json_with_metrics_and_without_payloads(
    aws: FakeAws, copier: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.script("BatchWriteItem", Partly((0,)))

    copier.handler(json_event({"secret": "payload"}, {"secret": "payload"}), FakeContext())

    output = capsys.readouterr().out
    assert output.count("\n") == 1
    assert "payload" not in output
    line = json.loads(output)
    assert (line["Records"], line["Written"], line["Retried"], line["Waiting"]) == (2, 2, 1, 0)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["FunctionName"]]
    assert {metric["Name"] for metric in directive["Metrics"]} <= line.keys()
    assert line["FunctionName"] == "a-function"


def test_numbers_keep_all_their_digits(aws: FakeAws, copier: ModuleType) -> None:
    literals = ["0.1", "12345678901234567890123456789012345678", "-1e-130", "9.99e125", "3.0", "-0.0", "0e999"]
    payload = f'{{"numbers": [{",".join(literals)}]}}'.encode()

    assert copier.handler(kinesis_event([payload]), FakeContext()) == DONE

    (item,) = written(aws)
    assert [TypeDeserializer().deserialize(number) for number in item["numbers"]["L"]] == [
        TypeDeserializer().deserialize({"N": literal}) for literal in [*literals[:-1], "0"]
    ]
