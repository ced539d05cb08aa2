"""What `list`, `describe` and `status` say of targets: well, behind, wrong, inactive, or with something left over."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from fake_platform import STREAM, TABLE, FakeAws, platform_of, row

from operations.fan_out import showing
from operations.fan_out.backlogs import Behind
from operations.fan_out.showing import Shown

pytestmark = pytest.mark.pure


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Shown]:
    """Four targets: `a` is behind, `b` is wrong, `c` has left two objects, `d` is not active."""
    aws = FakeAws([row("d", TABLE, active=False), row("c"), row("b", collapse="json"), row("a")])
    behind = {(STREAM, "a"): Behind(time.time() - 300, 2, 3, 1500, 9000)}
    lanes: Any = type("Lanes", (), {"behind": lambda _: behind})
    monkeypatch.setattr(showing, "Backlogs", lambda _platform: lanes())
    monkeypatch.setattr(showing, "counted", lambda _platform: Counter(c=2))
    return showing.shown(platform_of(aws), aws.items)


def test_list_has_a_line_for_each_and_fails_for_a_wrong_one(shown: list[Shown]) -> None:
    result = showing.listed(shown)
    lines = [line.split() for line in result.text.splitlines()]
    assert [(line[0], line[1]) for line in lines[1:5]] == [
        ("logfile", "d"),
        ("inputStream", "a"),
        ("inputStream", "b"),
        ("inputStream", "c"),
    ]
    assert "behind for 5 min, 1500 messages" in result.text
    assert result.text.splitlines()[5].startswith(f"wrong: b of {STREAM}: collapse is 'json'; it must be one of none")
    assert result.failed == "1 rows are wrong, and get nothing. `tributary fanout update` puts them right."
    assert showing.listed([one for one in shown if not one.wrong]).failed is None
    assert showing.listed([]).text == "No targets."


def test_programs_get_every_option_and_the_lane(shown: list[Shown]) -> None:
    found = {row["id"]: row for row in showing.listed(shown).shown["targets"]}
    assert found["a"]["lane"] == "behind"
    assert {name: found["a"]["behind"][name] for name in ("shards", "entries", "messages", "size_bytes")} == {
        "shards": 2,
        "entries": 3,
        "messages": 1500,
        "size_bytes": 9000,
    }
    assert (found["c"]["lane"], found["c"]["kept"], found["c"]["active"]) == ("direct", 2, True)


def test_status_says_what_needs_a_look_and_what_to_type(shown: list[Shown]) -> None:
    result = showing.status(platform_of(FakeAws()), shown, {STREAM: "Enabled"})
    lines = result.text.splitlines()
    assert lines[:2] == [
        "inputStream: hooked, Enabled",
        "logfile: not hooked; `tributary fanout hook --source logfile`",
    ]
    assert lines[2] == "d of logfile: inactive, direct"
    assert lines[3] == "a of inputStream: behind for 5 min, 1500 messages"
    assert lines[4].startswith("b of inputStream: direct; wrong: collapse is 'json'")
    assert lines[5] == (
        "c of inputStream: direct; 2 objects in the on-failure bucket: `tributary fanout redrive --id c`"
    )
    assert result.failed == "3 targets need a look: `tributary fanout describe --id …` shows one."
    well = [one for one in shown if one.id == "d"]
    assert showing.status(platform_of(FakeAws()), well, {}).failed is None


def test_describe_has_all_of_a_row(shown: list[Shown]) -> None:
    [row_c] = [one for one in shown if one.id == "c"]
    lines = showing.described(row_c).text.splitlines()
    assert [line.split()[0] for line in lines] == [
        "active", "destination", "id", "sourceArn", "type", "wrong", "lane", "kept",
    ]  # fmt: skip
