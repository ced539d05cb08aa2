"""What a program leaves out is filled in as the real provider does it."""

import pytest

from localcloud.plugin.defaults import complete
from localcloud.plugin.resources import find
from localcloud.plugin.values import UNKNOWN, Secret

pytestmark = pytest.mark.pure

QUEUE = find("aws:sqs/queue:Queue")
BUCKET = find("aws:s3/bucket:Bucket")
ROLE = find("aws:iam/role:Role")
DELIVERY = find("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream")


def test_a_name_is_made_of_the_logical_name_and_stays() -> None:
    first = complete(QUEUE, "orders", {}, {}, b"seed", {})
    again = complete(QUEUE, "orders", first, {}, b"other seed", {})

    assert first["name"].startswith("orders-")
    assert len(first["name"]) == len("orders-") + 7
    assert first["__defaults"] == ["name"]
    assert again["name"] == first["name"]


def test_a_name_that_was_given_is_not_kept_when_it_is_taken_out() -> None:
    named = complete(QUEUE, "orders", {}, {"name": "fixed"}, b"seed", {})

    assert named == {**named, "name": "fixed"}
    assert "__defaults" not in named
    assert complete(QUEUE, "orders", named, {}, b"seed", {})["name"] != "fixed"


def test_names_obey_the_rules_of_their_service() -> None:
    long = "A" * 100

    assert len(complete(BUCKET, long, {}, {}, b"", {})["bucket"]) == 63
    assert complete(BUCKET, "Data", {}, {}, b"", {})["bucket"].startswith("data-")
    assert complete(QUEUE, "orders", {}, {"fifoQueue": True}, b"", {})["name"].endswith(".fifo")
    assert complete(ROLE, "r", {}, {"namePrefix": "app-"}, b"", {})["name"].startswith("app-")


def test_default_tags_give_way_to_own_tags() -> None:
    tagged = complete(QUEUE, "q", {}, {"tags": {"team": "data"}}, b"", {"team": "all", "cost": "1"})

    assert tagged["tags"] == {"team": "data", "cost": "1"}
    assert complete(QUEUE, "q", {}, {"tags": UNKNOWN}, b"", {"team": "all"})["tags"] is UNKNOWN
    assert complete(QUEUE, "q", {}, {"tags": Secret({"a": "b"})}, b"", {"c": "d"})["tags"] == Secret(
        {"a": "b", "c": "d"}
    )


def test_nested_defaults_apply_where_their_parent_is_given() -> None:
    completed = complete(DELIVERY, "d", {}, {"extendedS3Configuration": {"bufferingSize": 64}}, b"", {})

    assert completed["extendedS3Configuration"] == {
        "bufferingSize": 64,
        "bufferingInterval": 300,
        "compressionFormat": "UNCOMPRESSED",
        "s3BackupMode": "Disabled",
        "customTimeZone": "UTC",
    }


def test_a_policy_given_as_an_object_becomes_text() -> None:
    assert (
        complete(ROLE, "r", {}, {"assumeRolePolicy": {"Statement": []}}, b"", {})["assumeRolePolicy"]
        == '{"Statement": []}'
    )
