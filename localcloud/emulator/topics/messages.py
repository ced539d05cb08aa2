"""A message on its way to a topic: how requests carry it, and what SNS refuses about it. Pure.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.emulator.message_rules import Attributes, is_token, problem_of, size_bytes
from localcloud.emulator.topics.errors import RefusedError

MAX_BYTES = 262_144
MAX_SUBJECT_CHARACTERS = 100
MAX_BATCH_ENTRIES = 10

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Message:
    """What is published. `subject` is None without one, "" for an empty one; `structure` is MessageStructure."""

    body: str
    subject: str | None = None
    structure: str | None = None
    attributes: Attributes = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None

    @property
    def size_bytes(self) -> int:
        return size_bytes(self.body, self.attributes)

    def body_for(self, protocol: str) -> str:
        """The text for a protocol: its own in a `json` structure, else the default one."""
        if self.structure != "json":
            return self.body
        texts = {key: text for key, text in json.loads(self.body).items() if isinstance(text, str)}
        return texts.get(protocol, texts.get("default", ""))


@dataclass(frozen=True)
class Topic:
    """What a topic's settings mean for what is published to it."""

    fifo: bool = False
    content_based: bool = False
    max_bytes: int = MAX_BYTES

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Topic":
        return cls(
            settings.get("FifoTopic") == "true",
            settings.get("ContentBasedDeduplication") == "true",
            int(settings.get("MaximumMessageSize") or MAX_BYTES),
        )


def message_of(fields: Mapping[str, str], prefix: str = "") -> Message:
    """The message in a form's fields; those of a batch's entry begin with `prefix`."""

    def given(name: str) -> str | None:
        return fields.get(prefix + name)

    attributes, number = {}, 1
    while (name := given(f"MessageAttributes.entry.{number}.Name")) is not None:
        value = f"MessageAttributes.entry.{number}.Value."
        known = {part: given(value + part) for part in ("DataType", "StringValue", "BinaryValue")}
        attributes[name] = {part: text for part, text in known.items() if text is not None}
        number += 1
    return Message(
        body=given("Message") or "",
        subject=given("Subject"),
        structure=given("MessageStructure"),
        attributes=attributes,
        group_id=given("MessageGroupId"),
        deduplication_id=given("MessageDeduplicationId"),
    )


def entries_of(fields: Mapping[str, str]) -> list[tuple[str, Message]]:
    """The entries of a batch in a form's fields, with their ids, which may be empty."""
    entries, number = [], 1
    while any(name.startswith(prefix := f"PublishBatchRequestEntries.member.{number}.") for name in fields):
        entries.append((fields.get(prefix + "Id", ""), message_of(fields, prefix)))
        number += 1
    return entries


def require_valid(message: Message, topic: Topic) -> None:
    """Raise RefusedError for the first thing about a message that the topic does not take."""
    if not message.body:
        raise RefusedError("Invalid parameter: Empty message")
    _require_subject(message.subject)
    _require_structure(message)
    problem = problem_of(message.attributes)
    if problem:
        raise RefusedError(problem, "ParameterValueInvalid")
    if message.size_bytes > topic.max_bytes:
        raise RefusedError("Invalid parameter: Message too long")
    _require_tokens(message, topic)


def require_valid_batch(entries: Sequence[tuple[str, Message]], topic: Topic) -> None:
    """Raise RefusedError when the batch, or any of its messages, is not taken: AWS then publishes none of them."""
    if not entries:
        raise RefusedError("The batch request doesn't contain any entries.", "EmptyBatchRequest")
    if len(entries) > MAX_BATCH_ENTRIES:
        raise RefusedError("The batch request contains more entries than permissible.", "TooManyEntriesInBatchRequest")
    ids = [entry_id for entry_id, _ in entries]
    for entry_id in ids:
        if not _ENTRY_ID.fullmatch(entry_id):
            raise RefusedError(
                "The Id of a batch entry in a batch request doesn't abide by the specification.", "InvalidBatchEntryId"
            )
    if len(set(ids)) < len(ids):
        raise RefusedError("Two or more batch entries in the request have the same Id.", "BatchEntryIdsNotDistinct")
    if sum(message.size_bytes for _, message in entries) > topic.max_bytes:
        raise RefusedError("The length of all the messages put together is more than the limit.", "BatchRequestTooLong")
    for _, message in entries:
        require_valid(message, topic)


def _require_subject(subject: str | None) -> None:
    if subject is None:
        return
    if not subject or len(subject) > MAX_SUBJECT_CHARACTERS or _CONTROL.search(subject):
        raise RefusedError("Invalid parameter: Subject")


def _require_structure(message: Message) -> None:
    if message.structure is None:
        return
    if message.structure != "json":
        raise RefusedError("Invalid parameter: Invalid message structure. Must be json")
    try:
        texts = json.loads(message.body)
    except ValueError:
        texts = None
    if not isinstance(texts, dict):
        raise RefusedError("Invalid parameter: Message Structure - JSON message body failed to parse")
    if not isinstance(texts.get("default"), str):
        raise RefusedError("Invalid parameter: Message Structure - No default entry in JSON message body")


def _require_tokens(message: Message, topic: Topic) -> None:
    """A group may be named on standard topics too; it reaches standard queues only."""
    for name, value in (("MessageGroupId", message.group_id), ("MessageDeduplicationId", message.deduplication_id)):
        if value is not None and not is_token(value):
            raise RefusedError(
                f"Invalid parameter: {name} Reason: The parameter can only include alphanumeric and punctuation "
                "characters, 1 to 128 of them"
            )
    if not topic.fifo:
        if message.deduplication_id is not None:
            raise RefusedError(
                "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId "
                "parameter that is not valid for this topic type"
            )
        return
    if message.group_id is None:
        raise RefusedError("Invalid parameter: The MessageGroupId parameter is required for FIFO topics")
    if message.deduplication_id is None and not topic.content_based:
        raise RefusedError(
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
