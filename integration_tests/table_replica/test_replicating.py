"""Deploys the workshop, loads its log file, changes it in every way, and compares source and replica."""

import json
import time

import pytest

from integration_tests.table_replica.deployed import Deployed, Eventually, keys, request_item
from localcloud.faults import Faults

pytestmark = pytest.mark.local


def test_loaded_rows_modifications_and_deletes_reach_the_replica(workshop: Deployed, eventually: Eventually) -> None:
    rows = workshop.many(2000)
    kept = rows - rows // 20
    loaded = workshop.load(rows, seed=1)
    assert (loaded.rows, loaded.skipped) == (rows, 0)
    workshop.load(50, seed=2)
    workshop.delete(*keys(range(kept + 1, rows + 1)))

    assert workshop.verify().equal
    assert workshop.equal()
    there = {item["PK"]["S"] for item in workshop.items(workshop.replica.replica).values()}
    assert there & set(keys(range(1, rows + 1))) == set(keys(range(1, kept + 1)))


def test_every_type_arrives_as_it_was_written(workshop: Deployed, eventually: Eventually) -> None:
    types = {
        "n": {"N": "-12345678901234567890.1234567890123456"},
        "b": {"B": "AAH/"},
        "ss": {"SS": ["b", "a", "ü"]},
        "ns": {"NS": ["1.5", "-3"]},
        "bs": {"BS": ["AA==", "AQ=="]},
        "m": {"M": {"deep": {"L": [{"NULL": True}, {"BOOL": False}, {"S": ""}]}}},
    }
    workshop.put(request_item(10_001, **types))
    assert workshop.verify().equal
    assert workshop.equal()
    [there] = workshop.replica.replica.get(['[{"S":"request#10001"}]']).values()
    assert there["m"] == types["m"]


def test_what_time_to_live_deletes_is_deleted_in_the_replica(
    workshop: Deployed, faults: Faults, eventually: Eventually
) -> None:
    past, future = {"N": str(int(time.time()) - 60)}, {"N": str(int(time.time()) + 86_400)}
    workshop.put(request_item(20_001, expires=past))
    workshop.put(request_item(20_002, expires=future))
    assert workshop.verify().equal

    assert faults.expire_items(account=workshop.account) == 1
    replica = workshop.replica.replica
    there = ['[{"S":"request#20001"}]', '[{"S":"request#20002"}]']
    eventually(lambda: list(replica.get(there)) == there[1:], timeout=30)
    assert workshop.verify().equal


def test_the_index_of_the_replica_finds_the_requests_of_a_host(workshop: Deployed) -> None:
    workshop.put(request_item(30_001, host={"S": "9.9.9.9"}, GSI_1_PK={"S": "host#9.9.9.9"}, bytessent={"N": "7"}))
    assert workshop.verify().equal
    [found] = workshop.far.dynamodb.query(
        TableName=workshop.replica.replica.name,
        IndexName="GSI_1",
        KeyConditionExpression="GSI_1_PK = :host",
        ExpressionAttributeValues={":host": {"S": "host#9.9.9.9"}},
    )["Items"]
    assert found["bytessent"] == {"N": "7"}


def test_logs_hold_counts_and_no_payload(workshop: Deployed, eventually: Eventually) -> None:
    workshop.put(request_item(40_001, secret={"S": "tomato-soup"}))
    assert workshop.verify().equal
    lines = eventually(lambda: workshop.log("Records"), timeout=20)
    assert json.loads(lines[-1])["Waiting"] == 0
    assert workshop.log("tomato-soup") == []
