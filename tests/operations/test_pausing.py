"""Functions of any kind are held and let go on; what a killed operation left is as somebody wants it afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_streams import FakeLambda, FakeS3

from operations import pausing, verbs
from operations.dialogue import Dialogue, Result
from operations.errors import OperationError, StillHeldError
from operations.instruments import holding
from operations.instruments.functions import StreamFunction
from operations.instruments.holding import Notes, held
from operations.instruments.mappings import Mapping

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "POLL_S", 0.0)


class Lambdas:
    """Mappings by their id, each with its own state."""

    def __init__(self, **states: str) -> None:
        self.mappings = {name: FakeLambda(state) for name, state in states.items()}

    def get_event_source_mapping(self, UUID: str) -> Any:  # noqa: N803
        return self.mappings[UUID].get_event_source_mapping(UUID)

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> None:  # noqa: N803
        self.mappings[UUID].update_event_source_mapping(UUID, Enabled)

    @property
    def states(self) -> dict[str, str]:
        for name in self.mappings:
            self.get_event_source_mapping(name)
        return {name: mapping.state for name, mapping in self.mappings.items()}


class Instance:
    """An instance with two functions, one of which has two mappings."""

    stack = type("stack", (), {"name": "poc"})

    def __init__(self, lambda_: Lambdas, s3: FakeS3) -> None:
        self._lambda, self._s3 = lambda_, s3

    def functions(self) -> list[StreamFunction]:
        made = {"forwarder": ("one", "two"), "writer": ("three",)}
        return [StreamFunction(name, ids, "failures", self._lambda, self._s3) for name, ids in made.items()]  # type: ignore[arg-type]  # stand for clients

    def mappings(self) -> list[Mapping]:
        arns = ("arn:aws:dynamodb:r:a:table/t/stream/l", "arn:aws:kinesis:r:a:stream/s")
        return [Mapping("urn", "copy", "forwarder", arn) for arn in arns]


def test_all_functions_are_paused_and_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    lambda_, s3 = Lambdas(one="Enabled", two="Disabled", three="Enabled"), FakeS3()
    at: Any = Instance(lambda_, s3)
    paused = pausing.pause(at, None, Dialogue(yes=True))
    assert set(lambda_.states.values()) == {"Disabled"}
    assert paused.shown == {"paused": {"forwarder": ["one", "two"], "writer": ["three"]}}
    assert "`tributary resume poc`" in paused.text
    told = capsys.readouterr().out.splitlines()
    first, second = (line.rpartition(" waits in ")[2] for line in told)
    assert first == "arn:aws:dynamodb:r:a:table/t/stream/l, for 24 hours, no longer."
    assert second == "arn:aws:kinesis:r:a:stream/s, for as long as the stream keeps it, no longer."

    pausing.resume(at, None, Dialogue(yes=True))
    assert set(lambda_.states.values()) == {"Enabled"}


def test_what_was_paused_before_stays_paused_after_a_hold() -> None:
    lambda_ = Lambdas(one="Enabled", two="Disabled")
    with held(lambda_, "one", "two"):  # type: ignore[arg-type]  # stands for a client
        assert set(lambda_.states.values()) == {"Disabled"}
    assert lambda_.states == {"one": "Enabled", "two": "Disabled"}


@pytest.mark.parametrize("typed", ["resume", "pause"])
def test_who_pauses_or_resumes_by_name_takes_over_what_a_killed_operation_held(typed: str) -> None:
    lambda_, s3 = Lambdas(one="Disabled", two="Disabled", three="Disabled"), FakeS3()
    notes = Notes(s3, "failures")  # type: ignore[arg-type]  # stands for a client
    notes.write("one")
    getattr(pausing, typed)(Instance(lambda_, s3), None, Dialogue(yes=True))
    assert s3.objects == {}
    with held(lambda_, "one", notes=notes):  # type: ignore[arg-type]  # stands for a client
        pass
    assert lambda_.states["one"] == ("Enabled" if typed == "resume" else "Disabled")


@pytest.mark.parametrize("error", [OperationError("Expired."), KeyboardInterrupt()], ids=["error", "a second ^C"])
def test_a_hold_that_cannot_be_ended_is_told_and_noted(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ended the operation is told as well; the note stays for the next command."""
    lambda_, s3 = Lambdas(one="Enabled"), FakeS3()

    def refuse(*_: object) -> None:
        raise error

    def operate() -> None:
        with held(lambda_, "one", notes=Notes(s3, "failures")):  # type: ignore[arg-type]  # stand for clients
            monkeypatch.setattr(holding, "resume", refuse)
            raise OperationError("The far end is away.")

    with pytest.raises(StillHeldError) as told:
        operate()
    why = str(error) or "it was interrupted"
    assert str(told.value) == f"The far end is away. Mapping one could not be enabled: {why}."
    assert list(s3.objects) == ["held/one"]


def test_the_next_command_says_what_is_held_and_how_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lambda_, s3 = Lambdas(one="Disabled", two="Enabled", three="Enabled"), FakeS3()
    Notes(s3, "failures").write("one")  # type: ignore[arg-type]  # stands for a client
    at: Any = Instance(lambda_, s3)
    at.kind, at.name = "cross-account-copy/target", "copy"

    def fail(*_: object) -> Result:
        raise StillHeldError("Mapping one could not be enabled.")

    monkeypatch.setattr(verbs, "find", lambda *_: at)
    monkeypatch.setattr(verbs, "function_of", lambda *_: fail)
    with pytest.raises(
        StillHeldError, match=r"enabled\. What comes waits .* until `tributary resume poc` lets it go on"
    ):
        verbs.run("redrive", Path(), "poc", None, None, Dialogue(yes=True))
    monkeypatch.setattr(verbs, "function_of", lambda *_: lambda *_: Result({}, "Done."))
    verbs.run("verify", Path(), "poc", None, None, Dialogue(yes=True))
    noted = (
        "`forwarder` is held by an operation that is still at it, or was killed: `tributary resume poc` lets it go on."
    )
    assert capsys.readouterr().err == f"note: {noted}\n"


def test_a_mapping_that_does_not_change_is_told_with_what_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LONGEST_S", -1.0)
    with pytest.raises(OperationError, match=r"mapping one is still Creating .*get-event-source-mapping --uuid one"):
        holding.pause(Lambdas(one="Creating"), "one")  # type: ignore[arg-type]  # stands for a client
