"""Shards of a table's stream that roll over and split, as the API of DynamoDB Streams shows them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html ,
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_DescribeStream.html
"""

from collections import defaultdict

import pytest
from botocore.exceptions import ClientError

from localcloud.faults import FaultRuleError

pytestmark = pytest.mark.local


class Stream:
    """A table with a stream, its items and its shards."""

    def __init__(self, clients, description):
        self.dynamodb, self.api = clients.dynamodb, clients.dynamodbstreams
        self.table, self.arn = description["TableName"], description["LatestStreamArn"]

    def put(self, *numbers, keys=20):
        """Items of `keys` partition keys, whose attribute `n` counts."""
        for number in numbers:
            item = {"pk": {"S": f"key-{number % keys}"}, "n": {"N": str(number)}}
            self.dynamodb.put_item(TableName=self.table, Item=item)

    def shards(self, **request):
        """Every shard by its id, page by page."""
        found = {}
        while True:
            described = self.api.describe_stream(StreamArn=self.arn, **request)["StreamDescription"]
            found |= {shard["ShardId"]: shard for shard in described["Shards"]}
            if "LastEvaluatedShardId" not in described:
                return found
            request["ExclusiveStartShardId"] = described["LastEvaluatedShardId"]

    def iterator(self, shard_id, kind="TRIM_HORIZON", **request):
        where = {"StreamArn": self.arn, "ShardId": shard_id, "ShardIteratorType": kind, **request}
        return self.api.get_shard_iterator(**where)["ShardIterator"]

    def read(self, iterator, **request):
        """The changes from an iterator on, and whether the shard has ended there."""
        changes = []
        while iterator:
            page = self.api.get_records(ShardIterator=iterator, **request)
            iterator = page.get("NextShardIterator")
            changes += [record["dynamodb"] for record in page["Records"]]
            if not page["Records"]:
                break
        return changes, iterator is None

    def numbers(self, *iterator, **request):
        return [int(change["NewImage"]["n"]["N"]) for change in self.read(self.iterator(*iterator, **request))[0]]


@pytest.fixture
def stream(account, clients, table) -> Stream:
    owner = account()
    return Stream(clients(owner), table(owner, view="NEW_IMAGE"))


def refusal(call, **request) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response["Error"]["Code"]


def test_a_split_closes_the_parent_and_each_item_goes_on_in_one_child(stream, faults) -> None:
    stream.put(*range(40))
    [parent] = stream.shards()
    children = faults.reshard(stream.arn, into=3)
    stream.put(*range(40, 120))
    [roll] = faults.reshard(stream.arn, shard_id=children[0])[-1:]
    stream.put(*range(120, 200))

    shards = stream.shards()
    assert {name: shard.get("ParentShardId") for name, shard in shards.items()} == {
        parent: None,
        **dict.fromkeys(children, parent),
        roll: children[0],
    }
    ranges = {name: shard["SequenceNumberRange"] for name, shard in shards.items()}
    assert {name for name, range_ in ranges.items() if "EndingSequenceNumber" in range_} == {parent, children[0]}
    for name, shard in shards.items():
        if "ParentShardId" in shard:
            ending = ranges[shard["ParentShardId"]]["EndingSequenceNumber"]
            assert int(ending) < int(ranges[name]["StartingSequenceNumber"])

    changes = {name: stream.read(stream.iterator(name)) for name in shards}
    assert {name for name, (_, ended) in changes.items() if ended} == {parent, children[0]}
    places = defaultdict(list)
    for name, (found, _) in changes.items():
        numbers = [int(change["SequenceNumber"]) for change in found]
        assert numbers == sorted(numbers)
        assert all(number >= int(ranges[name]["StartingSequenceNumber"]) for number in numbers)
        for change in found:
            places[change["Keys"]["pk"]["S"]].append((int(change["NewImage"]["n"]["N"]), name))
    lineages = {(parent, children[0], roll), (parent, children[1]), (parent, children[2])}
    taken = set()
    for number in range(20):
        written, names = zip(*sorted(places[f"key-{number}"]), strict=True)
        assert written == tuple(range(number, 200, 20))
        taken.add(tuple(dict.fromkeys(names)))
    assert taken == lineages


def test_descriptions_come_in_pages_and_by_parent(stream, faults) -> None:
    [parent] = stream.shards()
    children = faults.reshard(stream.arn, into=2)
    grandchildren = faults.reshard(stream.arn, into=2, shard_id=children[1])[1:]
    everything = [parent, *sorted(children), *sorted(grandchildren)]
    assert list(stream.shards(Limit=2)) == list(stream.shards()) == everything
    of_child = {"Type": "CHILD_SHARDS", "ShardId": children[1]}
    assert list(stream.shards(ShardFilter=of_child)) == sorted(grandchildren)


def test_iterators_are_of_one_shard(stream, faults) -> None:
    stream.put(*range(6))
    [parent] = stream.shards()
    numbers = [change["SequenceNumber"] for change in stream.read(stream.iterator(parent))[0]]
    [child] = faults.reshard(stream.arn)
    stream.put(*range(6, 9))

    assert stream.numbers(parent) == list(range(6))
    assert stream.read(stream.iterator(parent), Limit=4) == stream.read(stream.iterator(parent))
    assert stream.numbers(parent, "AT_SEQUENCE_NUMBER", SequenceNumber=numbers[2]) == [2, 3, 4, 5]
    assert stream.numbers(parent, "AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[2]) == [3, 4, 5]
    assert stream.read(stream.iterator(parent, "LATEST")) == ([], True)
    assert stream.numbers(child) == [6, 7, 8]
    assert stream.read(stream.iterator(child, "LATEST")) == ([], False)

    get_iterator = stream.api.get_shard_iterator
    of_parent = {"StreamArn": stream.arn, "ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": numbers[2]}
    assert refusal(get_iterator, **of_parent, ShardId=child) == "ValidationException"
    nowhere = {"ShardId": "shardId-00000000000000000001-00000000", "ShardIteratorType": "LATEST"}
    assert refusal(get_iterator, StreamArn=stream.arn, **nowhere) == "ResourceNotFoundException"


def test_a_stream_that_is_switched_off_has_closed_shards_only(stream, faults) -> None:
    faults.reshard(stream.arn, into=2)
    stream.put(*range(10))
    stream.dynamodb.update_table(TableName=stream.table, StreamSpecification={"StreamEnabled": False})
    shards = stream.shards()
    assert len(shards) == 3
    assert all("EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in shards.values())
    ends = {name: stream.read(stream.iterator(name)) for name in shards}
    assert all(ended for _, ended in ends.values())
    assert sum(len(changes) for changes, _ in ends.values()) == 10
    with pytest.raises(FaultRuleError, match="closed"):
        faults.reshard(stream.arn)


def test_a_mistaken_reshard_is_refused_with_what_is_right(stream, faults) -> None:
    [parent] = stream.shards()
    faults.reshard(stream.arn)
    for body, reason in (
        ({"stream": stream.arn, "into": 0}, "`into` is 0; it must be the number of children"),
        ({"stream": stream.arn, "shard": parent}, "DescribeStream lists the shards"),
        ({"stream": f"{stream.arn}x"}, "`stream` is the LatestStreamArn of a table"),
        ({"stream": stream.arn, "shards": 2}, "Resharding has no setting 'shards'; it has stream, into, shard"),
    ):
        with pytest.raises(FaultRuleError, match=reason):
            faults.request("POST", "/shards", body)
