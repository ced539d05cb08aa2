"""The click-stream writer as Lambda runs it, against a fake of DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from fake_aws import FakeAws, FakeContext, Partly
from stream_events import DONE, inserted, sequence_number, table_event

pytestmark = pytest.mark.pure

TABLE = "clicks-per-user"


@pytest.fixture
def aws(aws: FakeAws) -> FakeAws:
    aws.key_names = ("useremail_", "nanotimestamp_")
    return aws


@pytest.fixture
def writer(load: Callable[..., ModuleType]) -> ModuleType:
    return load("click_stream_writer", TABLE_NAME=TABLE)


def click(user: str, time: int, page: str = "home") -> dict[str, Any]:
    return {"useremail_": {"S": user}, "nanotimestamp_": {"N": str(time)}, "page": {"S": page}}


def test_items_are_written_under_user_and_time_with_all_their_attributes(aws: FakeAws, writer: ModuleType) -> None:
    images = [
        click("a@b.c", 1) | {"raw": {"B": "AAEC"}, "tags": {"SS": ["x", "ü"]}, "deep": {"M": {"n": {"NULL": True}}}},
        click("a@b.c", 2),
        click("d@e.f", 1),
    ]

    assert writer.handler(inserted(*images), FakeContext()) == DONE
    assert aws.items(TABLE) == images


def test_removals_and_items_without_the_keys_are_skipped_and_counted(
    aws: FakeAws, writer: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    event = table_event(
        ("INSERT", click("a@b.c", 1)),
        ("REMOVE", None),
        ("INSERT", {"page": {"S": "anonymous"}}),
        ("INSERT", click("", 2)),
        ("INSERT", click("a@b.c", 3) | {"nanotimestamp_": {"NULL": True}}),
        ("MODIFY", click("a@b.c", 4)),
    )

    assert writer.handler(event, FakeContext()) == DONE

    assert aws.items(TABLE) == [click("a@b.c", 1), click("a@b.c", 4)]
    assert json.loads(capsys.readouterr().out)["Skipped"] == 4


def test_the_last_change_of_a_key_wins_within_and_across_batches(aws: FakeAws, writer: ModuleType) -> None:
    """Ten keys come round 30 times; calls for one key must not overtake each other, also when some are retried."""
    aws.script("BatchWriteItem", Partly((0, 3)), Partly((2,)), None, Partly((1,)))
    changes = [click(f"user-{index % 10}", 1, f"page {index}") for index in range(300)]

    assert writer.handler(inserted(*changes), FakeContext()) == DONE

    assert sorted(aws.items(TABLE), key=lambda item: item["useremail_"]["S"]) == changes[290:]


def test_an_item_with_a_key_of_the_wrong_type_is_set_aside(aws: FakeAws, writer: ModuleType) -> None:
    aws.invalid = lambda item: "S" in item["nanotimestamp_"]
    wrong = click("a@b.c", 0) | {"nanotimestamp_": {"S": "yesterday"}}
    changes = [*(click("a@b.c", index) for index in range(40)), wrong, click("a@b.c", 41)]

    assert writer.handler(inserted(*changes), FakeContext()) == DONE
    assert sorted(map(str, aws.items(TABLE))) == sorted(str(change) for change in changes if change is not wrong)
    assert [*aws.poison()] == [sequence_number(40)]


def test_a_bad_version_of_an_item_does_not_take_the_good_one_before_it_along(aws: FakeAws, writer: ModuleType) -> None:
    aws.invalid = lambda item: item["page"] == {"S": "unacceptable"}
    changes = [click("a@b.c", 1, "good"), click("d@e.f", 1), click("a@b.c", 1, "unacceptable"), click("g@h.i", 1)]

    assert writer.handler(inserted(*changes), FakeContext()) == DONE
    assert sorted(map(str, aws.items(TABLE))) == sorted(map(str, [*changes[:2], changes[3]]))
    assert [*aws.poison()] == [sequence_number(2)]


def test_other_key_attributes_can_be_chosen(aws: FakeAws, load: Callable[..., ModuleType]) -> None:
    aws.key_names = ("user", "at")
    writer = load("click_stream_writer", TABLE_NAME=TABLE, HASH_NAME="user", RANGE_NAME="at")
    wanted = {"user": {"N": "7"}, "at": {"S": "2026-11-22"}}

    assert writer.handler(inserted(wanted, click("a@b.c", 1)), FakeContext()) == DONE
    assert aws.items(TABLE) == [wanted]
