"""What happens to a batch that fails: partial responses, bisecting, retries, age, and where the given-up records go.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html ,
…/kinesis-on-failure-destination.html
"""

import json
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from integration_tests.local_cloud.event_sources.conftest import READ_STREAMS, RECORDER, numbered, put, remove
from integration_tests.support.addressing import Clients
from integration_tests.support.factories import Factories, Function, objects, unless_gone
from integration_tests.support.waiting import eventually

pytestmark = pytest.mark.local

REPORT = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


class OnFailure:
    """A queue as on-failure destination: the settings of a mapping, and what it has got so far."""

    def __init__(self, clients, queue):
        self._sqs, self._got = clients.sqs, []
        self._url, arn = queue(clients.account_id)
        self.settings = {"DestinationConfig": {"OnFailure": {"Destination": arn}}}

    def messages(self):
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self._got.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self._got


@pytest.fixture
def on_failure(queue):
    """`on_failure(clients)` are the settings of a mapping with an on-failure destination, and what that has got."""

    def made(clients):
        destination = OnFailure(clients, queue)
        return destination.settings, destination.messages

    return made


@dataclass
class Failing:
    """A record that fails whenever it is tried, in a stream with a mapping: when it is given up is what this tells."""

    clients: Clients
    stream: str
    function: Function
    destination: OnFailure
    sequence_number: str


@pytest.fixture(scope="module", autouse=True)
def aging(cloud, unique):
    """Failing from now on: the least maximum age is a minute, which passes beside this module's other stories."""
    with ExitStack() as until:
        own = cloud.lend_account(until)
        clients = cloud.clients(cloud.session(own), own)
        make = Factories(lambda _: clients, unique, partial(until.callback, unless_gone))
        source, function = make.stream(own), make.function(own, RECORDER, statements=READ_STREAMS)
        destination = OnFailure(clients, make.queue)
        [sent] = put(clients, source, [{"n": 0, "do": "raise"}])
        made = clients.lambda_.create_event_source_mapping(
            EventSourceArn=source,
            FunctionName=function.name,
            StartingPosition="TRIM_HORIZON",
            MaximumRecordAgeInSeconds=60,
            **destination.settings,
        )
        until.callback(remove, clients.lambda_, made["UUID"], eventually)
        yield Failing(clients, source, function, destination, sent["SequenceNumber"])


@pytest.mark.parametrize(
    "response",
    ["", [], None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}],
    ids=["empty string", "empty list", "null", "empty object", "empty failures", "null failures"],
)
def test_an_empty_response_is_a_complete_success(
    response, account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    put(clients(owner), source, [{"n": 0, "do": "respond", "response": response}, {"n": 1}])
    mapping(function, source, BatchSize=1, **REPORT)
    eventually(lambda: batches(function), equals=[[0], [1]])


@pytest.mark.parametrize(
    "response",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"foo": "bar"}]},
        {"batchItemFailures": [{"itemIdentifier": "123"}]},
        {"batchItemFailures": "everything"},
        "something",
    ],
    ids=["empty identifier", "null identifier", "wrong key", "not in the batch", "no list", "no object"],
)
def test_a_malformed_response_is_a_complete_failure(
    response, account, clients, stream, recorder, mapping, batches, eventually, on_failure
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    settings, given_up = on_failure(clients(owner))
    put(clients(owner), source, [{"n": 0}, {"n": 1, "do": "respond", "response": response}])
    mapping(function, source, MaximumRetryAttempts=1, **settings, **REPORT)
    (document,) = eventually(given_up)
    assert batches(function) == [[0, 1], [0, 1]]
    assert document["KinesisBatchInfo"]["batchSize"] == 2


def test_without_report_batch_item_failures_the_response_says_nothing(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    put(clients(owner), source, [{"n": 0, "do": "fail"}])
    mapping(function, source)
    eventually(lambda: batches(function), equals=[[0]])
    put(clients(owner), source, [{"n": 1}])
    eventually(lambda: batches(function), equals=[[0], [1]])


def test_the_lowest_failed_record_is_the_checkpoint(account, clients, stream, recorder, mapping, batches, eventually):
    owner = account()
    source, function = stream(owner), recorder(owner)
    sent = put(clients(owner), source, numbered(4))
    failures = [{"itemIdentifier": sent[at]["SequenceNumber"]} for at in (3, 1)]
    answer = {"n": 4, "do": "respond", "until": time.time() + 2, "response": {"batchItemFailures": failures}}
    put(clients(owner), source, [answer])
    mapping(function, source, **REPORT)
    got = eventually(lambda: batches(function), until=lambda seen: len(seen) >= 2)
    assert got[0] == [0, 1, 2, 3, 4]
    assert got[1] == [1, 2, 3, 4]


def test_a_raising_function_gets_its_batch_again_and_the_shard_waits(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    put(clients(owner), source, [{"n": 0}, {"n": 1, "do": "raise", "until": time.time() + 2}])
    mapping(function, source, BatchSize=2)
    eventually(lambda: batches(function), until=lambda got: len(got) >= 2)
    put(clients(owner), source, [{"n": 2}])
    got = eventually(lambda: batches(function), until=lambda got: [2] in got)
    assert got[-1] == [2]
    assert all(batch == [0, 1] for batch in got[:-1])


@pytest.mark.parametrize("retries", [0, 2])
def test_after_its_retries_a_batch_is_given_up_and_the_shard_goes_on(
    retries, account, clients, stream, recorder, mapping, batches, eventually, on_failure
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    settings, given_up = on_failure(clients(owner))
    sent = put(clients(owner), source, [{"n": 0}, {"n": 1, "do": "raise"}, {"n": 2}, {"n": 3}])
    created = mapping(function, source, BatchSize=2, MaximumRetryAttempts=retries, **settings)
    eventually(lambda: batches(function), equals=[[0, 1]] * (retries + 1) + [[2, 3]])
    (document,) = eventually(given_up)

    request_id, timestamp = document["requestContext"].pop("requestId"), document.pop("timestamp")
    info = document["KinesisBatchInfo"]
    arrivals = [info.pop("approximateArrivalOfFirstRecord"), info.pop("approximateArrivalOfLastRecord")]
    assert re.fullmatch(r"[0-9a-f-]{36}", request_id)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment) for moment in (timestamp, *arrivals))
    assert document == {
        "requestContext": {
            "functionArn": created["FunctionArn"],
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": retries + 1,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "KinesisBatchInfo": {
            "shardId": sent[0]["ShardId"],
            "startSequenceNumber": sent[0]["SequenceNumber"],
            "endSequenceNumber": sent[1]["SequenceNumber"],
            "batchSize": 2,
            "streamArn": source,
        },
    }


def test_bisecting_isolates_a_bad_record_without_using_up_retries(
    account, clients, stream, recorder, mapping, batches, eventually, on_failure
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    settings, given_up = on_failure(clients(owner))
    bodies = numbered(16)
    bodies[11]["do"] = "raise"
    sent = put(clients(owner), source, bodies)
    mapping(function, source, BatchSize=16, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1, **settings)
    (document,) = eventually(given_up)
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    assert document["KinesisBatchInfo"]["startSequenceNumber"] == sent[11]["SequenceNumber"]
    eventually(
        lambda: batches(function),
        equals=[
            list(range(16)),
            list(range(8)),
            list(range(8, 16)),
            list(range(8, 12)),
            [8, 9],
            [10, 11],
            [10],
            [11],
            [11],  # the only retry
            list(range(12, 16)),
        ],
    )


def test_a_reported_record_is_where_the_batch_is_bisected(
    account, clients, stream, recorder, mapping, batches, eventually, on_failure
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    settings, given_up = on_failure(clients(owner))
    bodies = numbered(8)
    bodies[3]["do"] = "fail"
    sent = put(clients(owner), source, bodies)
    mapping(function, source, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0, **settings, **REPORT)
    (document,) = eventually(given_up)
    assert document["KinesisBatchInfo"]["startSequenceNumber"] == sent[3]["SequenceNumber"]
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    got = eventually(lambda: batches(function), until=lambda seen: any(7 in batch and 3 not in batch for batch in seen))
    assert got[:3] == [list(range(8)), [3, 4, 5, 6, 7], [3, 4]]
    delivered = [n for batch in got for n in (batch if 3 not in batch else batch[: batch.index(3)])]
    assert delivered == [0, 1, 2, 4, 5, 6, 7]


def test_a_bucket_gets_the_whole_payload(account, clients, stream, bucket, recorder, mapping, eventually):
    owner = account()
    source, function, name = stream(owner), recorder(owner), bucket(owner)
    sent = put(clients(owner), source, [{"n": 0, "do": "raise"}, {"n": 1, "text": "ünïcode"}])
    created = mapping(
        function,
        source,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{name}"}},
    )
    ((key, body),) = eventually(lambda: objects(clients(owner).s3, name)).items()
    day = r"(\d{4})/(\d\d)/(\d\d)"
    uuid = "[0-9a-f-]{36}"
    layout = rf"aws/lambda/({uuid})/(shardId-\d{{12}})/{day}/(\d{{4}})-(\d\d)-(\d\d)T\d\d\.\d\d\.\d\d-{uuid}"
    parts = re.fullmatch(layout, key).groups()
    assert parts[:2] == (created["UUID"], sent[0]["ShardId"])
    assert parts[2:5] == parts[5:8]
    document = json.loads(body)
    assert document["KinesisBatchInfo"]["batchSize"] == 2
    payload = json.loads(document["payload"])
    assert [one["kinesis"]["sequenceNumber"] for one in payload["Records"]] == [one["SequenceNumber"] for one in sent]
    assert [one["eventSourceARN"] for one in payload["Records"]] == [source, source]


def test_a_topic_gets_the_metadata(account, clients, stream, queue, recorder, mapping, unique, cleanup, eventually):
    owner = account()
    source, function = stream(owner), recorder(owner)
    sns, sqs = clients(owner).sns, clients(owner).sqs
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    cleanup(sns.delete_topic, TopicArn=topic)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": "*",
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }
    url, arn = queue(owner, Policy=json.dumps(policy))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    put(clients(owner), source, [{"n": 0, "do": "raise"}])
    mapping(function, source, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": topic}})
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    document = json.loads(message["Body"])
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert "payload" not in document


def test_a_throttled_function_loses_nothing_and_uses_up_no_retries(
    account, clients, stream, recorder, mapping, batches, eventually, on_failure
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    settings, given_up = on_failure(clients(owner))
    lambda_ = clients(owner).lambda_
    lambda_.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    put(clients(owner), source, numbered(3))
    created = mapping(function, source, MaximumRetryAttempts=0, **settings)
    eventually(
        lambda: lambda_.get_event_source_mapping(UUID=created["UUID"])["LastProcessingResult"],
        until=lambda result: "throttled" in result,
    )
    lambda_.delete_function_concurrency(FunctionName=function.name)
    eventually(lambda: batches(function), equals=[[0, 1, 2]])
    assert given_up() == []


def test_records_older_than_the_maximum_age_are_given_up(aging, batches, eventually):
    """What is left of a minute since this module's first story is waited for."""
    (document,) = eventually(aging.destination.messages, timeout=90, interval=1)
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == len(batches(aging.function))
    assert document["KinesisBatchInfo"]["startSequenceNumber"] == aging.sequence_number
    put(aging.clients, aging.stream, [{"n": 1}])
    eventually(lambda: batches(aging.function)[-1], equals=[1])
