"""The verbs of all kinds on a platform, some of whose sources were hooked at run time."""

from typing import Any

import pytest
from fake_platform import STREAM, FakeAws, FakeInstance

from operations.asked import ReplayAsked
from operations.dialogue import Dialogue, Result
from operations.errors import StackError
from operations.fan_out import verbs
from operations.fan_out.hooks import Hook
from operations.fan_out.platform import Platform, Source

pytestmark = pytest.mark.pure


@pytest.fixture
def switched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The sources that are held or let go on; `inputStream` was hooked at run time, `logfile` by the stack."""
    found: list[tuple[str, bool]] = []

    def switch(_platform: Platform, source: Source, on: bool) -> list[str]:
        found.append((source.label, on))
        return ["an-id"]

    def hooks(_platform: Platform, source: Source) -> list[Hook]:
        return [Hook("an-id", source.arn, "Enabled", by_stack=source.arn != STREAM)]

    monkeypatch.setattr(verbs.hooks, "hooks", hooks)
    monkeypatch.setattr(verbs.hooks, "switch", switch)
    monkeypatch.setattr(verbs.pausing, "pause", lambda *_: Result({"paused": {}}, "Paused."))
    monkeypatch.setattr(verbs.pausing, "resume", lambda *_: Result({"resumed": {}}, "Resumed."))
    return found


def test_what_was_hooked_at_run_time_is_held_and_goes_on_with_the_rest(
    switched: list[tuple[str, bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    at: Any = FakeInstance(FakeAws())
    paused = verbs.pause(at, None, Dialogue(yes=True))
    assert paused.shown == {"paused": {}, "hookedAtRunTime": {"inputStream": ["an-id"]}}
    verbs.resume(at, None, Dialogue(yes=True))
    assert switched == [("inputStream", False), ("inputStream", True)]
    assert f"{STREAM}, which was hooked at run time, is held as well." in capsys.readouterr().out


def test_a_replay_of_what_was_hooked_at_run_time_says_what_to_type(switched: list[tuple[str, bool]]) -> None:
    at: Any = FakeInstance(FakeAws())
    at.mappings = list
    with pytest.raises(StackError, match="`tributary fanout unhook --source inputStream`, then"):
        verbs.replay(at, ReplayAsked(), Dialogue(yes=True))
