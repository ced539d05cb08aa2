"""Filter criteria: only what matches reaches the function, the rest counts as processed.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html , …/with-kinesis-filtering.html ,
…/with-ddb-filtering.html . Every operator is proved in tests/localcloud/test_event_source_rules.py.
"""

import json

import pytest

from integration_tests.local_cloud.event_sources.conftest import names, numbered, put

pytestmark = pytest.mark.local


def filters(*patterns):
    return {"FilterCriteria": {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}}


def test_records_that_match_no_pattern_are_done_without_the_function(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function = stream(owner), recorder(owner)
    bodies = [*numbered(10, color="red"), b"not json", *numbered(10, start=10, color="green")]
    put(clients(owner), source, bodies)
    put(clients(owner), source, [{"n": 99, "color": "blue"}], key="by-key")
    patterns = [
        {"data": {"color": ["red"], "n": [{"numeric": [">=", 3, "<", 5]}]}},
        {"data": {"n": [19]}},
        {"partitionKey": ["by-key"]},
    ]
    mapping(function, source, BatchSize=2, **filters(*patterns))
    eventually(lambda: names(batches(function)), equals=[3, 4, 19, 99])
    assert all(len(batch) <= 2 for batch in batches(function))


def test_filters_look_at_the_event_name_and_typed_values_of_changes(
    account, clients, table, recorder, mapping, batches, eventually
):
    owner = account()
    described, function, dynamodb = table(owner, view="NEW_IMAGE"), recorder(owner), clients(owner).dynamodb
    name = described["TableName"]
    pattern = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"n": {"N": ["1", "3"]}}}}
    mapping(function, described["LatestStreamArn"], **filters(pattern))
    for n in range(5):
        dynamodb.put_item(TableName=name, Item={"pk": {"S": f"k{n}"}, "n": {"N": str(n)}})
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "k1"}, "n": {"N": "3"}})  # a MODIFY
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "last"}, "n": {"N": "3"}})
    eventually(lambda: names(batches(function)), equals=["k1", "k3", "last"])


def test_filters_can_be_changed_and_removed(account, clients, stream, recorder, mapping, batches, eventually):
    owner = account()
    source, function, lambda_ = stream(owner), recorder(owner), clients(owner).lambda_
    created = mapping(function, source, **filters({"data": {"n": [0]}}))
    put(clients(owner), source, numbered(2))
    eventually(lambda: names(batches(function)), equals=[0])
    busy = (lambda_.exceptions.ResourceInUseException,)
    eventually(lambda: lambda_.update_event_source_mapping(UUID=created["UUID"], FilterCriteria={}), retry=busy)
    eventually(
        lambda: lambda_.get_event_source_mapping(UUID=created["UUID"]), until=lambda found: found["State"] == "Enabled"
    )
    put(clients(owner), source, numbered(2, start=2))
    eventually(lambda: names(batches(function)), equals=[0, 2, 3])
