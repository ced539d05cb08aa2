"""What AWS does on a bad day to a mapping, on demand: reads and destinations that fail lose nothing."""

import json

import pytest

from integration_tests.local_cloud.event_sources.conftest import names, numbered, put
from integration_tests.support.factories import objects

pytestmark = pytest.mark.local


def test_reads_that_fail_delay_and_lose_nothing(
    account, clients, stream, recorder, mapping, batches, eventually, faults
):
    owner = account()
    source, function, lambda_ = stream(owner), recorder(owner), clients(owner).lambda_
    created = mapping(function, source)
    with faults.throttle(service="kinesis", operation="GetRecords", resource=source):
        put(clients(owner), source, numbered(5))
        eventually(
            lambda: lambda_.get_event_source_mapping(UUID=created["UUID"])["LastProcessingResult"],
            until=lambda result: "ProvisionedThroughputExceededException" in result,
        )
        assert batches(function) == []
    eventually(lambda: names(batches(function)), equals=[0, 1, 2, 3, 4])


def test_a_destination_that_fails_gets_the_record_later(
    account, clients, stream, bucket, recorder, mapping, batches, eventually, faults
):
    owner = account()
    source, function, name, lambda_ = stream(owner), recorder(owner), bucket(owner), clients(owner).lambda_
    put(clients(owner), source, [{"n": 0, "do": "raise"}, {"n": 1}])
    destination = f"arn:aws:s3:::{name}"
    with faults.set("error", service="s3", operation="PutObject", resource=destination):
        created = mapping(
            function,
            source,
            BatchSize=1,
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": destination}},
        )
        eventually(
            lambda: lambda_.get_event_source_mapping(UUID=created["UUID"])["LastProcessingResult"],
            until=lambda result: result.startswith(f"PROBLEM: Could not send to {destination}"),
        )
        assert batches(function) == [[0]]
    (body,) = eventually(lambda: objects(clients(owner).s3, name)).values()
    assert json.loads(body)["KinesisBatchInfo"]["batchSize"] == 1
    eventually(lambda: batches(function), equals=[[0], [1]])
