"""Faults that API calls meet: the right error of the right service, for exactly the calls that a rule selects."""

import socket
import time
import urllib.request

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from integration_tests.support.launching import launched
from localcloud.faults import FaultRuleError, Faults

pytestmark = pytest.mark.local


def code_of(call, **request) -> tuple[str, int]:
    """The error code and the HTTP status of a call's answer; ("", 200) when it succeeds."""
    try:
        answer = call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "", answer["ResponseMetadata"]["HTTPStatusCode"]


def put(table: str, key: str) -> dict:
    return {"TableName": table, "Item": {"pk": {"S": key}}}


def test_each_service_throttles_in_its_own_words(
    account, clients, table, stream, bucket, queue, function, faults
) -> None:
    mine = account()
    api = clients(mine)
    name, arn, store, (url, _), echo = (
        table(mine)["TableName"],
        stream(mine),
        bucket(mine),
        queue(mine),
        function(mine, "def handler(*_): return 1"),
    )
    calls = {
        "dynamodb": (api.dynamodb.put_item, put(name, "a")),
        "kinesis": (api.kinesis.put_record, {"StreamARN": arn, "Data": b"x", "PartitionKey": "x"}),
        "s3": (api.s3.put_object, {"Bucket": store, "Key": "k", "Body": b"x"}),
        "sqs": (api.sqs.send_message, {"QueueUrl": url, "MessageBody": "x"}),
        "lambda": (api.lambda_.invoke, {"FunctionName": echo.name}),
        "sts": (api.sts.get_caller_identity, {}),
    }
    with faults.throttle(account=mine):
        seen = {service: code_of(call, **request) for service, (call, request) in calls.items()}
    assert seen == {
        "dynamodb": ("ProvisionedThroughputExceededException", 400),
        "kinesis": ("ProvisionedThroughputExceededException", 400),
        "s3": ("SlowDown", 503),
        "sqs": ("RequestThrottled", 400),
        "lambda": ("TooManyRequestsException", 429),
        "sts": ("Throttling", 400),
    }
    after = {service: code_of(call, **request)[0] for service, (call, request) in calls.items()}
    assert after == dict.fromkeys(calls, "")
    assert api.dynamodb.scan(TableName=name)["Count"] == 1


def test_selectors_spare_what_they_do_not_name(account, clients, table, faults) -> None:
    mine, other = account(), account()
    hit, spared = table(mine, name="orders-1")["TableName"], table(mine, name="invoices")["TableName"]
    elsewhere = table(other, name="orders-1")["TableName"]
    here, there = clients(mine).dynamodb, clients(other).dynamodb
    with faults.error(account=mine, service="dynamodb", operation="*Item", resource="orders-*") as fault:
        assert code_of(here.put_item, **put(hit, "a")) == ("InternalServerError", 500)
        assert code_of(here.get_item, TableName=hit, Key={"pk": {"S": "a"}}) == ("InternalServerError", 500)
        assert code_of(here.describe_table, TableName=hit) == ("", 200)
        assert code_of(here.put_item, **put(spared, "a")) == ("", 200)
        assert code_of(there.put_item, **put(elsewhere, "a")) == ("", 200)
        assert fault.hits() == 2
    assert faults.rules() == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"count": 2}, [True, True, False, False]),
        ({"skip": 1, "count": 2}, [False, True, True, False]),
        ({"duration_s": 0.0}, [False, False, False, False]),
        ({"rate": 0.0}, [False, False, False, False]),
    ],
)
def test_rules_strike_as_often_as_they_say(account, clients, faults, settings, expected) -> None:
    mine = account()
    with faults.throttle(account=mine, service="sts", **settings):
        calls = [code_of(clients(mine).sts.get_caller_identity)[0] == "Throttling" for _ in expected]
    assert calls == expected


def test_one_seed_gives_one_sequence(account, clients, faults) -> None:
    mine = account()

    def sequence(seed: int) -> list[str]:
        with faults.throttle(account=mine, service="sts", rate=0.5, seed=seed):
            return [code_of(clients(mine).sts.get_caller_identity)[0] for _ in range(40)]

    first, again, other = sequence(1), sequence(1), sequence(2)
    assert first == again != other
    assert 8 < first.count("Throttling") < 32


@pytest.mark.parametrize("applied", [False, True], ids=["before it is done", "after it is done"])
@pytest.mark.parametrize(
    ("effect", "raised"), [("timeout", ReadTimeoutError), ("reset", ConnectionClosedError), ("error", ClientError)]
)
def test_an_answer_is_lost_before_or_after_the_operation(
    account, clients, table, faults, effect, raised, applied
) -> None:
    mine = account()
    name = table(mine)["TableName"]
    impatient = clients(mine).client("dynamodb", read_timeout=0.3)
    with faults.set(effect, account=mine, operation="PutItem", applied=applied, count=1), pytest.raises(raised):
        impatient.put_item(**put(name, "a"))
    assert clients(mine).dynamodb.scan(TableName=name)["Count"] == int(applied)
    assert code_of(impatient.put_item, **put(name, "a")) == ("", 200)


def test_a_silent_connection_blocks_nobody_else(account, clients, faults) -> None:
    mine = account()
    impatient = clients(mine).client("sts", read_timeout=1)
    with faults.timeout(account=mine, service="sts", count=1):
        with pytest.raises(ReadTimeoutError):
            impatient.get_caller_identity()
        started = time.monotonic()
        assert code_of(clients(mine).sts.get_caller_identity) == ("", 200)
        assert time.monotonic() - started < 0.5


def test_latency_adds_up_with_a_fault(account, clients, faults) -> None:
    mine = account()
    api = clients(mine).sts
    api.get_caller_identity()
    with faults.latency(200, account=mine), faults.throttle(account=mine):
        started = time.monotonic()
        assert code_of(api.get_caller_identity)[0] == "Throttling"
        assert time.monotonic() - started >= 0.2


def test_a_denied_call_is_an_access_denied(account, clients, table, faults) -> None:
    mine = account()
    description = table(mine)
    with faults.deny(account=mine, operation="PutItem"), pytest.raises(ClientError) as denied:
        clients(mine).dynamodb.put_item(**put(description["TableName"], "a"))
    error = denied.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert f"is not authorized to perform: dynamodb:PutItem on resource: {description['TableArn']}" in error["Message"]


def test_credentials_expire_and_new_ones_are_good(account, clients, table, role, session_of, faults) -> None:
    mine = account()
    name = table(mine)["TableName"]
    writer = role(mine, [{"Effect": "Allow", "Action": "*", "Resource": "*"}], trusts={"AWS": mine})
    first, second = session_of(writer), session_of(writer)
    with faults.expire(account=mine, service="dynamodb", skip=1, count=1):
        answers = [code_of(who.dynamodb.put_item, **put(name, "a"))[0] for who in (first, first, first, second, first)]
    assert answers == ["", *["ExpiredTokenException"] * 2, "", "ExpiredTokenException"]
    assert code_of(clients(mine).dynamodb.put_item, **put(name, "a")) == ("", 200)


def test_a_mistaken_rule_is_refused_with_what_is_right(faults) -> None:
    with pytest.raises(FaultRuleError, match="'explode'; it must be one of latency, throttle"):
        faults.add("explode")
    with pytest.raises(FaultRuleError, match="has no setting 'operations'; it may have effect, account"):
        faults.add("throttle", operations="PutItem")
    with pytest.raises(FaultRuleError, match="rate of a fault rule is 2; it must be a number from 0 to 1"):
        faults.add("throttle", rate=2)
    assert faults.rules() == []


def test_a_reset_of_the_cloud_removes_the_rules(faults, tmp_path) -> None:
    # A cloud of its own: the worker's may hold what other tests share.
    with launched("local", tmp_path / "cloud") as (endpoint, _):
        own = Faults(endpoint)
        own.add("throttle")
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/_ministack/reset", method="POST")).read()
        assert own.rules() == []


def test_a_reset_is_a_tcp_reset(account, clients, cloud, faults) -> None:
    mine = account()
    host, port = cloud.endpoint.removeprefix("http://").split(":")
    signature = (
        f"AWS4-HMAC-SHA256 Credential={mine}/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=x"
    )
    request = "GET /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1\r\nHost: x\r\n"
    request += f"Authorization: {signature}\r\n\r\n"
    with faults.reset(account=mine), socket.create_connection((host, int(port))) as connection:
        connection.sendall(request.encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(1000)
