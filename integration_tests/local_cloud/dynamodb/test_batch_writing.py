"""BatchWriteItem: a batch is refused whole, or every member is written as a single put or delete would be.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.local

GOOD = {"PutRequest": {"Item": {"pk": {"S": "good"}, "number": {"N": "0012.50"}, "flag": {"BOOL": True}}}}


@pytest.fixture
def written(account, clients, table):
    """A DynamoDB client, and the name of a table."""
    mine = account()
    return clients(mine).dynamodb, table(mine)["TableName"]


def put(**attributes):
    return {"PutRequest": {"Item": attributes}}


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (put(pk={"S": "a"}, number={"N": "x"}), "cannot be converted to a numeric value"),
        (put(pk={"S": "a"}, number={"N": "9" * 39}), "38 significant digits"),
        (put(pk={"S": "a"}, filler={"S": "x" * 410_000}), "Item size has exceeded the maximum allowed size"),
        (put(pk={"S": ""}), "cannot contain an empty string value"),
        (put(pk={"S": "x" * 2049}), "maximum size limit of2048 bytes"),
        (put(pk={"N": "1"}), "does not match the schema"),
        (put(other={"S": "a"}), "does not match the schema"),
        (put(pk={"S": "a"}, numbers={"SS": ["a", "a"]}), "contains duplicates"),
        ({"DeleteRequest": {"Key": {"pk": {"S": "a"}, "more": {"S": "b"}}}}, "does not match the schema"),
        ({"DeleteRequest": {"Key": {"pk": {"S": "good"}}}}, "Provided list of item keys contains duplicates"),
    ],
)
def test_one_bad_member_refuses_the_batch(written, member, message) -> None:
    api, name = written
    with pytest.raises(ClientError, match=message):
        api.batch_write_item(RequestItems={name: [GOOD, member]})
    assert api.scan(TableName=name)["Count"] == 0


def test_the_shape_of_a_batch_is_checked(written) -> None:
    api, name = written
    writes = [put(pk={"S": str(number)}) for number in range(26)]
    with pytest.raises(ClientError, match="less than or equal to 25"):
        api.batch_write_item(RequestItems={name: writes})
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.batch_write_item(RequestItems={name: [GOOD], f"{name}-other": [GOOD]})
    assert api.scan(TableName=name)["Count"] == 0


def test_puts_and_deletes_of_several_tables(account, clients, table) -> None:
    mine = account()
    api = clients(mine).dynamodb
    names = [table(mine)["TableName"] for _ in range(2)]
    api.batch_write_item(RequestItems={name: [GOOD, put(pk={"S": "old"})] for name in names})
    changed = [put(pk={"S": "good"}, flag={"BOOL": False}), {"DeleteRequest": {"Key": {"pk": {"S": "old"}}}}]
    answer = api.batch_write_item(
        RequestItems={names[0]: changed, names[1]: [put(pk={"S": "new"})]}, ReturnConsumedCapacity="INDEXES"
    )
    assert answer["UnprocessedItems"] == {}
    assert answer["ConsumedCapacity"] == [
        {"TableName": names[0], "CapacityUnits": 2.0, "Table": {"CapacityUnits": 2.0}},
        {"TableName": names[1], "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}},
    ]
    stored = [sorted(api.scan(TableName=name)["Items"], key=lambda item: item["pk"]["S"]) for name in names]
    good = {"pk": {"S": "good"}, "number": {"N": "12.5"}, "flag": {"BOOL": True}}
    assert stored == [
        [{"pk": {"S": "good"}, "flag": {"BOOL": False}}],
        [good, {"pk": {"S": "new"}}, {"pk": {"S": "old"}}],
    ]


def test_what_is_no_batch_is_refused(written, cloud) -> None:
    """A body that is no JSON object never reaches a table."""
    api, name = written
    for body in (b"", b"[]", b"{", b"{}"):
        api.meta.events.register_last(
            "before-call.dynamodb.BatchWriteItem", lambda params, body=body, **_: params.update(body=body)
        )
        with pytest.raises(ClientError):
            api.batch_write_item(RequestItems={name: [GOOD]})
    assert api.scan(TableName=name)["Count"] == 0
