"""What the mapping API refuses. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""

import time

import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.event_sources.conftest import in_state, put

pytestmark = pytest.mark.local

INVALID = "InvalidParameterValueException"
FILTER = {"Filters": [{"Pattern": '{"data": {"n": [1]}}'}]}


def refusal(call, **request):
    """The code with which a call is refused."""
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response["Error"]["Code"]


@pytest.fixture
def create(account, stream, recorder):
    """`create(**request)` creates a mapping of a fresh stream and function, with SDK-side checks switched off."""
    owner = account()
    function, source = recorder(owner), stream(owner)
    lambda_ = function.clients.client("lambda", parameter_validation=False)

    def call(**request):
        return lambda_.create_event_source_mapping(
            **{"FunctionName": function.name, "EventSourceArn": source, "StartingPosition": "LATEST", **request}
        )

    call.source, call.function, call.lambda_ = source, function, lambda_
    return call


REFUSED = [
    ({"BatchSize": 0}, "ValidationException"),
    ({"BatchSize": 10_001}, "ValidationException"),
    ({"MaximumBatchingWindowInSeconds": 301}, "ValidationException"),
    ({"MaximumBatchingWindowInSeconds": -1}, "ValidationException"),
    ({"ParallelizationFactor": 0}, "ValidationException"),
    ({"ParallelizationFactor": 11}, "ValidationException"),
    ({"MaximumRetryAttempts": -2}, "ValidationException"),
    ({"MaximumRetryAttempts": 10_001}, "ValidationException"),
    ({"MaximumRecordAgeInSeconds": -2}, "ValidationException"),
    ({"MaximumRecordAgeInSeconds": 604_801}, "ValidationException"),
    ({"MaximumRecordAgeInSeconds": 0}, INVALID),
    ({"MaximumRecordAgeInSeconds": 59}, INVALID),
    ({"TumblingWindowInSeconds": 901}, "ValidationException"),
    ({"StartingPosition": None}, INVALID),
    ({"StartingPosition": "SOMEWHERE"}, INVALID),
    ({"StartingPosition": "AT_TIMESTAMP"}, INVALID),
    ({"StartingPositionTimestamp": 1}, INVALID),
    ({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 4_102_444_800}, INVALID),
    ({"FilterCriteria": {"Filters": [{"Pattern": "not json"}]}}, INVALID),
    ({"FilterCriteria": {"Filters": [{"Pattern": '{"data": "no array"}'}]}}, INVALID),
    ({"FilterCriteria": {"Filters": FILTER["Filters"] * 6}}, INVALID),
    ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:iam::123456789012:role/x"}}}, INVALID),
    ({"EventSourceArn": "nothing"}, INVALID),
    ({"EventSourceArn": "arn:aws:s3:::bucket"}, INVALID),
    ({"FunctionName": "nobody"}, "ResourceNotFoundException"),
]


def test_each_wrong_parameter_is_refused(create):
    refusals = [(request, refusal(create, **request)) for request, _ in REFUSED]
    assert refusals == REFUSED
    assert create.lambda_.list_event_source_mappings(FunctionName=create.function.name)["EventSourceMappings"] == []


def test_a_source_that_does_not_exist_is_refused(create):
    account_id = create.function.clients.account_id
    for resource in ("kinesis:{}:stream/none", "dynamodb:{}:table/none/stream/2026-01-01T00:00:00.000"):
        arn = f"arn:aws:{resource.format(f'us-east-1:{account_id}')}"
        assert refusal(create, EventSourceArn=arn) == INVALID, arn


def test_a_second_mapping_of_the_same_source_and_function_is_a_conflict(create, cleanup):
    first = create()["UUID"]
    cleanup(create.lambda_.delete_event_source_mapping, UUID=first)
    with pytest.raises(ClientError) as refused:
        create(BatchSize=7)
    assert refused.value.response["Error"]["Code"] == "ResourceConflictException"
    assert first in refused.value.response["Error"]["Message"]


def test_an_update_is_held_to_the_same_rules(create, mapping):
    created = mapping(create.function, create.source)
    update = create.lambda_.update_event_source_mapping
    assert refusal(update, UUID=created["UUID"], BatchSize=0) == "ValidationException"
    assert refusal(update, UUID=created["UUID"], MaximumRecordAgeInSeconds=30) == INVALID
    assert refusal(update, UUID=created["UUID"], FunctionName="nobody") == "ResourceNotFoundException"
    shown = create.lambda_.get_event_source_mapping(UUID=created["UUID"])
    assert (shown["BatchSize"], shown["MaximumRecordAgeInSeconds"]) == (100, -1)


def test_what_is_set_is_shown_and_the_rest_has_its_defaults(create, mapping):
    given = {
        "BatchSize": 300,
        "MaximumBatchingWindowInSeconds": 5,
        "ParallelizationFactor": 2,
        "MaximumRecordAgeInSeconds": 60,
        "MaximumRetryAttempts": 10,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": FILTER,
    }
    created = mapping(create.function, create.source, **given)
    assert {name: created[name] for name in given} == given
    assert created["EventSourceArn"] == create.source
    assert created["FunctionArn"] == create.function.arn
    assert created["EventSourceMappingArn"].endswith(f":event-source-mapping:{created['UUID']}")


def test_defaults(create, mapping):
    created = mapping(create.function, create.source)
    expected = {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "BisectBatchOnFunctionError": False,
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "DestinationConfig": {"OnFailure": {}},
        "StartingPosition": "TRIM_HORIZON",
        "State": "Enabled",
    }
    assert {name: created[name] for name in expected} == expected


def test_dynamodb_streams_know_no_timestamp(account, table, recorder):
    owner = account()
    function, source = recorder(owner), table(owner, view="KEYS_ONLY")["LatestStreamArn"]
    call = function.clients.lambda_.create_event_source_mapping
    request = {"FunctionName": function.name, "EventSourceArn": source}
    assert (
        refusal(call, **request, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=time.time() - 5) == INVALID
    )


def test_a_mapping_in_a_passing_state_takes_no_change(create, clients, mapping, batches, eventually):
    created = mapping(create.function, create.source)
    put(create.function.clients, create.source, [{"n": 0}])
    eventually(lambda: batches(create.function), equals=[[0]])
    put(create.function.clients, create.source, [{"n": 1, "do": "sleep", "s": 3}])
    update, started = create.lambda_.update_event_source_mapping, time.time()
    eventually(lambda: time.time() > started + 0.5)
    assert update(UUID=created["UUID"], Enabled=False)["State"] == "Disabling"
    assert refusal(update, UUID=created["UUID"], BatchSize=5) == "ResourceInUseException"
    in_state(create.lambda_, created["UUID"], "Disabled", eventually)
    assert update(UUID=created["UUID"], BatchSize=5)["State"] == "Updating"
    in_state(create.lambda_, created["UUID"], "Disabled", eventually)


def test_a_queue_needs_a_window_for_batches_above_ten(account, recorder, queue):
    owner = account()
    function, (_, source) = recorder(owner), queue(owner)
    call = function.clients.lambda_.create_event_source_mapping
    assert refusal(call, FunctionName=function.name, EventSourceArn=source, BatchSize=11) == INVALID
    assert refusal(call, FunctionName=function.name, EventSourceArn=source, StartingPosition="LATEST") == INVALID
