"""Rows, units, and services that answer what a test tells them to."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from handlers.fan_out.contract import Access, Destination, Message, Refused, Unit
from handlers.fan_out.destinations import destination_of
from handlers.fan_out.rows import Row, item_of, row_of
from handlers.shared.clients import Renewable

SOURCE = "arn:aws:kinesis:eu-west-1:111111111111:stream/inputStream"
SHARD = "shardId-000000000000"


def row(kind: str, destination: str, **options: Any) -> Row:
    """A row of the table, read as it is read from there."""
    given = {"sourceArn": SOURCE, "id": "target1", "type": kind, "destination": destination, "active": True, **options}
    return row_of(item_of(given))


def unit(body: bytes | str, key: str = "a", number: int = 0) -> Unit:
    """A unit of one message."""
    data = body if isinstance(body, bytes) else body.encode()
    return Unit(data, (Message(number, None, key, f"{SHARD}:{49590 + number}", data),))


def units(*bodies: bytes | str) -> list[Unit]:
    """Units with the keys `key-0`, `key-1`, …"""
    return [unit(body, f"key-{number}", number) for number, body in enumerate(bodies)]


class Service:
    """A client of boto3: keeps the calls that it gets, and answers the next of `answers`, the last one again and again.

    An answer that is an exception is raised.
    """

    def __init__(self, *answers: Any, endpoint: str = "https://service.eu-west-1.amazonaws.com") -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.meta = type("Meta", (), {"endpoint_url": endpoint})

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class FakeAccess:
    """Access to one service; `asked` are the clients that were asked for, `made` how many were made."""

    def __init__(self, service: Any, account: str = "111111111111", secrets: Mapping[str, str] | None = None) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.made = 0
        self._service = service
        self._account = account
        self._secrets = secrets or {}
        self.answer_s = 2.0

    def client(self, *asked: Any) -> Renewable:
        self.asked.append(asked)
        return Renewable(self._make)

    def kept(self, _key: Hashable, make: Callable[[Any], Any]) -> Renewable:
        def made() -> Any:
            self.made += 1
            return make(self._service)

        return Renewable(made)

    def _make(self) -> Any:
        self.made += 1
        return self._service

    @property
    def access(self) -> Access:
        return Access(self.client, self.kept, 2, self.answer_s, lambda arn: self._secrets[arn], lambda: self._account)


def sent(kind: Destination | str, target: Row, access: FakeAccess, given: Sequence[Unit]) -> Sequence[Refused]:
    """One call of a target; what it did not take."""
    destination = destination_of(kind) if isinstance(kind, str) else kind
    return destination.open(target, destination.parse(target), access.access)(given)
