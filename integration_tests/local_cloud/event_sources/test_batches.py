"""How records become batches: size, window, payload, and the form of the event.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html (batching behavior)
"""

import base64
import json
import time

import pytest

from integration_tests.local_cloud.event_sources.conftest import numbered, put

pytestmark = pytest.mark.local


def test_a_batch_has_at_most_batch_size_records_and_all_arrive_in_order(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    put(clients(owner), source, numbered(25))
    mapping(function, source, BatchSize=10)
    assert eventually(lambda: batches(function), until=lambda got: sum(map(len, got)) >= 25) == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 25)),
    ]


def test_a_batching_window_gathers_what_comes_until_it_ends(
    account, clients, stream, recorder, mapping, received, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    mapping(function, source, BatchSize=100, MaximumBatchingWindowInSeconds=2)
    started = time.time()
    for body in numbered(5):
        put(clients(owner), source, [body])
    line = eventually(lambda: received(function))[0]
    assert line["batch"] == [0, 1, 2, 3, 4]
    assert 1.9 <= line["at"] - started <= 4


def test_a_full_batch_does_not_wait_for_its_window(account, clients, stream, recorder, mapping, received, eventually):
    owner = account()
    source, function = stream(owner), recorder(owner)
    mapping(function, source, BatchSize=5, MaximumBatchingWindowInSeconds=60)
    started = time.time()
    put(clients(owner), source, numbered(10))
    lines = eventually(lambda: received(function), until=lambda got: len(got) == 2)
    assert [line["batch"] for line in lines] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert lines[-1]["at"] - started < 30


def test_a_batch_ends_before_6_mb(account, clients, stream, recorder, mapping, batches, eventually):
    owner = account()
    source, function = stream(owner), recorder(owner, memory=512, timeout=60)
    # 1,000,000 bytes become 1,333,336 characters of base64: four of them fit into 6 MB, five do not.
    bodies = [json.dumps({"n": n, "pad": ""}).encode() for n in range(10)]
    for body in bodies:
        put(clients(owner), source, [body[:-2] + b"x" * (1_000_000 - len(body)) + body[-2:]])
    mapping(function, source, BatchSize=100)
    sizes = eventually(lambda: [len(one) for one in batches(function)], until=lambda got: sum(got) == 10, timeout=60)
    assert sizes == [4, 4, 2]


def test_the_event_has_every_field_of_a_kinesis_record(
    account, clients, stream, recorder, mapping, received, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    body = {"n": 1, "do": "show"}
    placed = put(clients(owner), source, [body], key="mañana")[0]
    mapping(function, source)
    (record,) = eventually(lambda: received(function, "EVENT"))[0]["Records"]
    arrival = record["kinesis"].pop("approximateArrivalTimestamp")
    assert abs(arrival - time.time()) < 60
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "mañana",
            "sequenceNumber": placed["SequenceNumber"],
            "data": base64.b64encode(json.dumps(body).encode()).decode(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{placed['ShardId']}:{placed['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": function.role_arn,
        "awsRegion": "us-east-1",
        "eventSourceARN": source,
    }


def test_the_age_of_the_last_record_is_a_metric_of_the_function(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    put(clients(owner), source, numbered(3))
    mapping(function, source)
    eventually(lambda: batches(function), equals=[[0, 1, 2]])

    def metric(name, statistic):
        points = clients(owner).cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=name,
            Dimensions=[{"Name": "FunctionName", "Value": function.name}],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 60,
            Period=3600,
            Statistics=[statistic],
        )["Datapoints"]
        return points[0][statistic] if points else None

    eventually(lambda: metric("IteratorAge", "Maximum"), until=lambda age: age is not None and 0 <= age < 60_000)
    assert (metric("Invocations", "Sum"), metric("Errors", "Sum")) == (1, 0)
    assert metric("Duration", "Maximum") > 0


def test_a_mapping_counts_its_events_when_it_is_asked_to(
    account, clients, stream, bucket, recorder, mapping, batches, eventually
):
    owner = account()
    source, function, destination = stream(owner), recorder(owner), bucket(owner)
    put(clients(owner), source, [{"n": 0}, {"n": 1, "do": "fail"}, {"n": 2}, {"n": "filtered"}])
    created = mapping(
        function,
        source,
        MetricsConfig={"Metrics": ["EventCount"]},
        FilterCriteria={"Filters": [{"Pattern": '{"data": {"n": [{"numeric": [">=", 0]}]}}'}]},
        FunctionResponseTypes=["ReportBatchItemFailures"],
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{destination}"}},
    )
    assert created["MetricsConfig"] == {"Metrics": ["EventCount"]}
    eventually(lambda: batches(function), equals=[[0, 1, 2], [1, 2], [1], [2]])

    def counted():
        cloudwatch, sums = clients(owner).cloudwatch, {}
        for metric in cloudwatch.list_metrics(Namespace="AWS/Lambda")["Metrics"]:
            if metric["Dimensions"] == [{"Name": "EventSourceMappingUUID", "Value": created["UUID"]}]:
                points = cloudwatch.get_metric_statistics(
                    **metric,
                    StartTime=time.time() - 3600,
                    EndTime=time.time() + 60,
                    Period=3600,
                    Statistics=["Sum"],
                )["Datapoints"]
                sums[metric["MetricName"]] = sum(point["Sum"] for point in points)
        return sums

    eventually(
        counted,
        equals={
            "PolledEventCount": 4,
            "FilteredOutEventCount": 1,
            "InvokedEventCount": 3 + 2 + 1 + 1,
            "FailedInvokeEventCount": 2 + 2 + 1,
            "OnFailureDestinationDeliveredEventCount": 1,
        },
    )


def test_a_warm_mapping_hands_a_record_over_within_50_ms(
    account, clients, stream, recorder, mapping, received, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    mapping(function, source)
    puts = []
    for body in numbered(40):
        puts.append(time.time())
        put(clients(owner), source, [body])
        eventually(lambda: len(received(function)), equals=len(puts), interval=0.01)
    ages = sorted(line["at"] - puts[line["batch"][0]] for line in received(function)[5:])
    assert ages[len(ages) // 2] < 0.05
