"""Where a mapping starts, and that it goes on where it was: positions, disabling, updating, deleting.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html , …/services-dynamodb-eventsourcemapping.html
"""

import time

import pytest

from integration_tests.local_cloud.event_sources.conftest import exists, in_state, names, numbered, put, remove

pytestmark = pytest.mark.local


def test_latest_delivers_every_record_put_after_the_mapping_was_created(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner, 2), recorder(owner)
    put(clients(owner), source, numbered(10), key=lambda body: str(body["n"]))
    lambda_ = clients(owner).lambda_
    # No waiting for the state Enabled: what comes after the answer counts.
    created = lambda_.create_event_source_mapping(
        FunctionName=function.name, EventSourceArn=source, StartingPosition="LATEST"
    )
    put(clients(owner), source, numbered(10, start=10), key=lambda body: str(body["n"]))
    got = eventually(lambda: sorted(names(batches(function))), until=lambda seen: len(seen) >= 10)
    assert got == list(range(10, 20))
    remove(lambda_, created["UUID"], eventually)


def test_at_timestamp_starts_with_the_first_record_of_that_time(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    before = put(clients(owner), source, numbered(3))[0]
    kinesis = clients(owner).kinesis
    iterator = kinesis.get_shard_iterator(
        StreamARN=source, ShardId=before["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    last = eventually(
        lambda: kinesis.get_records(ShardIterator=iterator)["Records"], until=lambda records: len(records) == 3
    )[-1]["ApproximateArrivalTimestamp"].timestamp()
    since = last + 0.05
    eventually(lambda: time.time() > since + 0.05)
    put(clients(owner), source, numbered(3, start=3))
    mapping(function, source, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=since)
    eventually(lambda: names(batches(function)), equals=[3, 4, 5])


def test_another_mapping_from_the_horizon_gets_everything_again(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    put(clients(owner), source, numbered(5))
    first = mapping(function, source)
    eventually(lambda: batches(function), equals=[[0, 1, 2, 3, 4]])
    remove(clients(owner).lambda_, first["UUID"], eventually)
    mapping(function, source)
    eventually(lambda: batches(function), equals=[[0, 1, 2, 3, 4]] * 2)


def test_a_disabled_mapping_goes_on_where_it_was(account, clients, stream, recorder, mapping, batches, eventually):
    owner = account()
    source, function, lambda_ = stream(owner), recorder(owner), clients(owner).lambda_
    created = mapping(function, source)
    put(clients(owner), source, numbered(3))
    eventually(lambda: batches(function), equals=[[0, 1, 2]])
    assert lambda_.update_event_source_mapping(UUID=created["UUID"], Enabled=False)["State"] == "Disabling"
    in_state(lambda_, created["UUID"], "Disabled", eventually)
    put(clients(owner), source, numbered(3, start=3))
    assert lambda_.update_event_source_mapping(UUID=created["UUID"], Enabled=True)["State"] == "Enabling"
    in_state(lambda_, created["UUID"], "Enabled", eventually)
    eventually(lambda: batches(function), equals=[[0, 1, 2], [3, 4, 5]])


def test_disabling_waits_for_the_batch_in_flight(account, clients, stream, recorder, mapping, batches, eventually):
    owner = account()
    source, function, lambda_ = stream(owner), recorder(owner), clients(owner).lambda_
    put(clients(owner), source, [{"n": 0}])
    created = mapping(function, source)
    eventually(lambda: batches(function), equals=[[0]])
    put(clients(owner), source, [{"n": 1, "do": "sleep", "s": 2}])
    eventually(lambda: lambda_.get_function_concurrency(FunctionName=function.name), timeout=1)
    started = time.time()
    eventually(lambda: time.time() > started + 0.5)
    lambda_.update_event_source_mapping(UUID=created["UUID"], Enabled=False)
    in_state(lambda_, created["UUID"], "Disabled", eventually)
    assert time.time() - started >= 1.4
    eventually(lambda: batches(function), equals=[[0], [1]])


def test_a_deleted_mapping_is_gone_and_sends_nothing_more(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function, lambda_ = stream(owner), recorder(owner), clients(owner).lambda_
    created = mapping(function, source)
    put(clients(owner), source, [{"n": 0}])
    eventually(lambda: batches(function), equals=[[0]])
    assert lambda_.delete_event_source_mapping(UUID=created["UUID"])["State"] == "Deleting"
    eventually(lambda: not exists(lambda_, created["UUID"]), timeout=60)
    put(clients(owner), source, [{"n": 1}])
    other = recorder(owner)
    mapping(other, source)
    eventually(lambda: batches(other), equals=[[0, 1]])
    assert batches(function) == [[0]]


def test_an_update_takes_effect_without_loss_or_repeat(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function, other, lambda_ = stream(owner), recorder(owner), recorder(owner), clients(owner).lambda_
    created = mapping(function, source, BatchSize=2)
    put(clients(owner), source, numbered(4))
    eventually(lambda: batches(function), equals=[[0, 1], [2, 3]])
    answer = lambda_.update_event_source_mapping(UUID=created["UUID"], BatchSize=3, FunctionName=other.name)
    assert (answer["State"], answer["BatchSize"], answer["FunctionArn"]) == ("Updating", 3, other.arn)
    in_state(lambda_, created["UUID"], "Enabled", eventually)
    put(clients(owner), source, numbered(3, start=4))
    eventually(lambda: names(batches(other)), equals=[4, 5, 6])
    assert batches(function) == [[0, 1], [2, 3]]


def test_the_last_result_is_told(account, clients, stream, recorder, mapping, eventually):
    owner = account()
    source, function, lambda_ = stream(owner), recorder(owner), clients(owner).lambda_
    created = mapping(function, source)
    assert created["LastProcessingResult"] == "No records processed"
    assert created["StateTransitionReason"] == "User action"

    def result():
        return lambda_.get_event_source_mapping(UUID=created["UUID"])["LastProcessingResult"]

    put(clients(owner), source, [{"n": 0, "do": "raise", "until": time.time() + 2}])
    eventually(result, equals="PROBLEM: Function call failed")
    eventually(result, equals="OK")


def test_a_mapping_of_an_alias_invokes_the_version_behind_it(
    account, clients, stream, recorder, cleanup, batches, received, eventually
):
    owner = account()
    source, function, lambda_ = stream(owner), recorder(owner), clients(owner).lambda_
    version = lambda_.publish_version(FunctionName=function.name)["Version"]
    alias = lambda_.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)["AliasArn"]
    put(clients(owner), source, numbered(2))
    created = lambda_.create_event_source_mapping(
        FunctionName=alias, EventSourceArn=source, StartingPosition="TRIM_HORIZON"
    )
    cleanup(remove, lambda_, created["UUID"], eventually)
    assert created["FunctionArn"] == alias
    eventually(lambda: batches(function), equals=[[0, 1]])
    assert received(function)[0]["arn"] == alias


def test_two_functions_of_one_stream_each_get_everything(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, one, other = stream(owner), recorder(owner), recorder(owner)
    mapping(one, source)
    put(clients(owner), source, [{"n": 0, "do": "raise", "until": time.time() + 1.5}, {"n": 1}])
    mapping(other, source, StartingPosition="TRIM_HORIZON", BatchSize=1)
    eventually(lambda: batches(other)[-1:], equals=[[1]])
    eventually(lambda: batches(one)[-1:], equals=[[0, 1]])
