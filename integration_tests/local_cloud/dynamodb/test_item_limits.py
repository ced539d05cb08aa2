"""What no table takes, by whichever way it is written: keys too large, names of no length, 33 levels, broken binaries.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

import pytest
from botocore.exceptions import ClientError

pytestmark = [pytest.mark.local, pytest.mark.aws]

DEEPEST = 31  # maps around a scalar: the attribute itself is the first of 32 levels


def put(api, name, item):
    api.put_item(TableName=name, Item=item)


def batch(api, name, item):
    api.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item}}]})


def transact(api, name, item):
    api.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": item}}])


def update(api, name, item):
    rest = {attribute: value for attribute, value in item.items() if attribute not in ("pk", "sk")} or {"x": {"S": "x"}}
    api.update_item(
        TableName=name,
        Key={key: item[key] for key in ("pk", "sk")},
        UpdateExpression="SET " + ", ".join(f"#{at} = :{at}" for at in range(len(rest))),
        ExpressionAttributeNames={f"#{at}": attribute for at, attribute in enumerate(rest)},
        ExpressionAttributeValues={f":{at}": value for at, value in enumerate(rest.values())},
    )


def partiql(api, name, item):
    members = ", ".join(f"'{attribute}': ?" for attribute in item)
    api.execute_statement(Statement=f'INSERT INTO "{name}" VALUE {{{members}}}', Parameters=list(item.values()))


WAYS = (put, batch, transact, update, partiql)


def of_bytes(count):
    return {"S": "é" * (count // 2) + "x" * (count % 2)}


def nested(levels, inner, kind):
    value = inner
    for _ in range(levels):
        value = {"M": {"a": value}} if kind == "M" else {"L": [value]}
    return value


# The largest that is taken, the smallest that is not, and what is said about that.
LIMITS = {
    "partition key": ({"pk": of_bytes(2048)}, {"pk": of_bytes(2049)}, "Size of hashkey has exceeded"),
    "sort key": (
        {"sk": of_bytes(1024)},
        {"sk": of_bytes(1025)},
        "Aggregated size of all range keys has exceeded",
    ),
    "binary index key": (
        {"hash": {"B": b"x" * 2048}},
        {"hash": {"B": b"x" * 2049}},
        "Size limit exceeded for Index Key hash Actual Size: 2049 bytes Max Size: 2048 bytes IndexName: by-hash",
    ),
    "sort key of an index": (
        {"hash": {"B": b"x"}, "range": of_bytes(1024)},
        {"hash": {"B": b"x"}, "range": of_bytes(1025)},
        "Index Key range Actual Size: 1025 bytes Max Size: 1024 bytes",
    ),
    "maps": (
        {"deep": nested(DEEPEST, {"S": "x"}, "M")},
        {"deep": nested(DEEPEST + 1, {"S": "x"}, "M")},
        "Nesting Levels have exceeded",
    ),
    "lists around an empty map": (
        {"deep": nested(DEEPEST, {"M": {}}, "L")},
        {"deep": nested(DEEPEST + 1, {"M": {}}, "L")},
        "Nesting Levels have exceeded",
    ),
    "name": ({"x": {"S": "x"}}, {"": {"S": "x"}}, "Empty attribute name"),
    "name in a map": (
        {"map": {"M": {"x": {"S": "x"}}}},
        {"map": {"L": [{"M": {"": {"S": "x"}}}]}},
        "Empty attribute name",
    ),
}


@pytest.fixture
def named(account, clients, table):
    mine = account()
    indexes = [("by-hash", "hash", "range")]
    described = table(
        mine,
        keys="pk sk",
        AttributeDefinitions=[
            *({"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "range")),
            {"AttributeName": "hash", "AttributeType": "B"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": partition, "KeyType": "HASH"},
                    {"AttributeName": sort, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for index, partition, sort in indexes
        ],
    )
    return clients(mine).dynamodb, described["TableName"]


def test_a_limit_holds_for_every_way_of_writing(named, unique):
    api, name = named
    kept = []
    for limit, (largest, larger, words) in LIMITS.items():
        for way in WAYS:
            key = {"pk": {"S": unique("item")}, "sk": {"S": way.__name__}}
            fits = {**key, **largest}
            way(api, name, fits)
            kept.append((fits["pk"]["S"], fits["sk"]["S"]))
            with pytest.raises(ClientError) as refused:
                way(api, name, {**key, "pk": {"S": unique("refused")}, **larger})
            error = refused.value.response["Error"]
            assert (error["Code"], words in error["Message"]) == ("ValidationException", True), (limit, way, error)
    items = [item for page in api.get_paginator("scan").paginate(TableName=name) for item in page["Items"]]
    assert sorted((item["pk"]["S"], item["sk"]["S"]) for item in items) == sorted(kept)


def test_an_update_by_partiql_cannot_make_an_item_that_the_table_refuses(named):
    api, name = named
    put(api, name, {"pk": {"S": "a"}, "sk": {"S": "b"}, "hash": {"B": b"old"}})
    with pytest.raises(ClientError, match="Index Key hash"):
        api.execute_statement(
            Statement=f"UPDATE \"{name}\" SET \"hash\"=? WHERE pk='a' AND sk='b'", Parameters=[{"B": b"x" * 2049}]
        )
    found = api.get_item(TableName=name, Key={"pk": {"S": "a"}, "sk": {"S": "b"}})["Item"]
    assert found["hash"] == {"B": b"old"}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"AAAAA", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        (b"=+/=", "Invalid last non-pad Base64 character dectected"),
    ],
)
def test_a_binary_that_is_not_base64_is_refused(named, sent, words):
    api, name = named

    def spoil(params, **_):
        params["body"] = params["body"].replace(b"c3BvaWwgbWU=", sent)

    api.meta.events.register("before-call.dynamodb", spoil)
    for way in (put, batch, transact, update):
        with pytest.raises(ClientError) as refused:
            way(api, name, {"pk": {"S": "a"}, "sk": {"S": "b"}, "raw": {"L": [{"B": b"spoil me"}]}})
        error = refused.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("SerializationException", words)
