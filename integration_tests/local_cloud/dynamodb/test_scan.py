"""Scan: pages, segments, filters and capacity, also while the table changes.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
"""

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.local

KEYS = {f"{number:03d}" for number in range(100)}


@pytest.fixture
def scanned(account, clients, table):
    """A DynamoDB client, and the name of a table with 100 items of about 15 KB, of which half are even."""
    mine = account()
    name, api = table(mine)["TableName"], clients(mine).dynamodb
    put(api, name, KEYS, filler={"S": "x" * 15_000})
    return api, name


def put(api, name, keys, **attributes) -> None:
    for start in range(0, len(keys), 25):
        writes = [
            {"PutRequest": {"Item": {"pk": {"S": key}, "even": {"BOOL": int(key) % 2 == 0}, **attributes}}}
            for key in sorted(keys)[start : start + 25]
        ]
        assert api.batch_write_item(RequestItems={name: writes})["UnprocessedItems"] == {}


def pages(api, name, between=lambda page: None, **request):
    """The answers of a scan, page by page; `between` is called with each before the next is asked for."""
    answers, start = [], {}
    while True:
        answers.append(api.scan(TableName=name, **request, **start))
        between(answers[-1])
        if "LastEvaluatedKey" not in answers[-1]:
            return answers
        start = {"ExclusiveStartKey": answers[-1]["LastEvaluatedKey"]}


def found(answers) -> list[str]:
    return [item["pk"]["S"] for answer in answers for item in answer["Items"]]


def test_a_page_has_a_megabyte_at_most(scanned) -> None:
    answers = pages(*scanned)
    assert sorted(found(answers)) == sorted(KEYS)
    assert [answer["Count"] for answer in answers] == [69, 31]
    assert answers[0]["LastEvaluatedKey"] == {"pk": answers[0]["Items"][-1]["pk"]}


def test_a_page_that_ends_at_its_limit_names_its_last_key(scanned) -> None:
    answers = pages(*scanned, Limit=25)
    assert [answer["Count"] for answer in answers] == [25, 25, 25, 25, 0]
    assert sorted(found(answers)) == sorted(KEYS)


@pytest.mark.parametrize("total", [1, 3, 8])
def test_segments_divide_the_table(scanned, total) -> None:
    segments = [
        found(pages(*scanned, Segment=segment, TotalSegments=total, Limit=7, ConsistentRead=True))
        for segment in range(total)
    ]
    assert sorted(key for segment in segments for key in segment) == sorted(KEYS)
    assert all(segments)


def test_what_is_not_touched_appears_once_while_the_rest_changes(scanned) -> None:
    api, name = scanned
    touched = {f"{number:03d}" for number in range(0, 100, 3)}
    changed = iter(sorted(touched))

    def change(page) -> None:
        for key in (next(changed, None), next(changed, None)):
            if key:
                api.delete_item(TableName=name, Key={"pk": {"S": key}})
                api.put_item(TableName=name, Item={"pk": {"S": f"1{key}"}})

    seen = found(pages(api, name, change, Limit=5))
    assert sorted(set(seen) & (KEYS - touched)) == sorted(key for key in seen if key in KEYS - touched)
    assert set(seen) >= KEYS - touched
    assert sorted(found(pages(api, name))) == sorted((KEYS - touched) | {f"1{key}" for key in touched})


def test_a_scan_goes_on_after_an_item_that_is_gone(scanned) -> None:
    api, name = scanned
    everything = found(pages(api, name))
    first = api.scan(TableName=name, Limit=10)
    api.delete_item(TableName=name, Key=first["LastEvaluatedKey"])
    rest = found([api.scan(TableName=name, Limit=90, ExclusiveStartKey=first["LastEvaluatedKey"])])
    assert rest == everything[10 : 10 + len(rest)]
    assert len(rest) == 69


def test_a_start_key_belongs_to_its_segment(scanned) -> None:
    api, name = scanned
    keys = [api.scan(TableName=name, Limit=1, Segment=segment, TotalSegments=2) for segment in (0, 1)]
    with pytest.raises(ClientError, match=r"ExclusiveStartKey with correct Segment\. TotalSegments: 2 Segment: 1"):
        api.scan(TableName=name, Segment=0, TotalSegments=2, ExclusiveStartKey=keys[1]["LastEvaluatedKey"])
    with pytest.raises(ClientError, match="The provided key element does not match the schema"):
        api.scan(TableName=name, ExclusiveStartKey={"pk": {"N": "1"}})


def test_a_filter_applies_to_what_was_read(scanned) -> None:
    answers = pages(
        *scanned, Limit=40, FilterExpression="even = :yes", ExpressionAttributeValues={":yes": {"BOOL": True}}
    )
    assert [answer["ScannedCount"] for answer in answers] == [40, 40, 20]
    assert sorted(found(answers)) == sorted(key for key in KEYS if int(key) % 2 == 0)
    nothing = pages(*scanned, Limit=50, FilterExpression="attribute_exists(nobody)")
    assert [(answer["Count"], "LastEvaluatedKey" in answer) for answer in nothing] == [(0, True), (0, True), (0, False)]
    assert pages(*scanned, Select="COUNT")[0]["Count"] == 69
    assert pages(*scanned, ProjectionExpression="pk", Limit=1)[0]["Items"][0].keys() == {"pk"}


def test_all_that_was_read_is_paid_for_together(scanned) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"""
    api, name = scanned
    request = {"TableName": name, "Limit": 10, "ReturnConsumedCapacity": "TOTAL", "FilterExpression": "even = :no"}
    values = {":no": {"S": "neither"}}
    size_bytes = 10 * (len("pk") + 3 + len("even") + 1 + len("filler") + 15_000)
    units = -(-size_bytes // 4096)
    for consistent, each in ((True, 1.0), (False, 0.5)):
        answer = api.scan(**request, ExpressionAttributeValues=values, ConsistentRead=consistent)
        assert answer["ConsumedCapacity"] == {"TableName": name, "CapacityUnits": units * each}


def test_a_partition_is_read_in_the_order_of_its_sort_key(account, clients, table) -> None:
    mine = account()
    definitions = [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}]
    name = table(mine, keys="pk sk", AttributeDefinitions=definitions)["TableName"]
    api = clients(mine).dynamodb
    for number in ("10", "9", "-1", "1.50"):
        api.put_item(TableName=name, Item={"pk": {"S": "a"}, "sk": {"N": number}})
    assert [item["sk"]["N"] for item in api.scan(TableName=name)["Items"]] == ["-1", "1.5", "9", "10"]
    start = {"pk": {"S": "a"}, "sk": {"N": "1.500"}}
    assert [item["sk"]["N"] for item in api.scan(TableName=name, ExclusiveStartKey=start)["Items"]] == ["9", "10"]
