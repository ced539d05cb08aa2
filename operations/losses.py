"""What a deployment or a destruction would lose, told before anything happens, and how to go on.

Pulumi's `protect` refuses it as well; this says which data it is about and what to type next.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operations.engine import Engine, Preview
from operations.errors import EngineError, StackError
from operations.stacks import Stack

PAGE = "docs/operations-changes.md"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
DELIVERY = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
STREAMING = "aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination"
# What holds no data itself, but its place on the way of data.
READERS = (MAPPING, DELIVERY, STREAMING)
# What holds data, by its type: its noun, and what is lost with it.
HOLDERS: Mapping[str, tuple[str, str]] = {
    "aws:dynamodb/table:Table": ("table", "its items, and what its stream holds"),
    "aws:kinesis/stream:Stream": ("stream", "the records that were not read yet"),
    "aws:s3/bucket:Bucket": ("bucket", "its objects"),
    "aws:kms/key:Key": ("key", "everything that it encrypted"),
    MAPPING: ("mapping", "what it has not read yet of the table's old stream"),
    DELIVERY: ("delivery stream", "what it has not read yet of its stream"),
    STREAMING: ("streaming destination", "what is changed in the table meanwhile"),
}
# Pulumi's words for a resource that it may not delete or replace.
PROTECTED = ("marked for protection", "because it is protected")
DELETED = "cannot be deleted"
GOING = {"delete", "replace", "delete-replaced", "create-replacement"}


@dataclass(frozen=True)
class Loss:
    """A protected resource that Pulumi refuses to delete or replace: its state, and the inputs because of which."""

    urn: str
    deleted: bool
    state: Mapping[str, Any]
    reasons: Sequence[str]

    @property
    def type(self) -> str:
        """Its type token."""
        return _type_of(self.urn)

    @property
    def line(self) -> str:
        """What would happen to it."""
        fate = "deleted" if self.deleted else "replaced"
        because = f", because of its {' and '.join(self.reasons)}" if self.reasons else ""
        name = _name({"urn": self.urn, **self.state})
        return f"the {name} would be {fate}{because}: {HOLDERS[self.type][1]} would be lost."


def refuse_losses(engine: Engine, stack: Stack, *, refresh: bool = False) -> None:
    """Preview a deployment. Raises StackError when it would lose protected data, EngineError when it cannot begin."""
    preview = engine.preview(stack.name, refresh=refresh)
    if refused := losses(preview):
        raise StackError(told(stack.name, refused))
    if preview.errors:
        messages = "\n".join(one["message"].strip() for one in preview.errors)
        raise EngineError(f"stack `{stack.name}` cannot be deployed, and nothing was changed:\n{messages}")


def told(stack: str, refused: Sequence[Loss]) -> str:
    """The refusal, and how to go on: what reads a stream is replaced alone when it has read it to the end."""
    text = "\n".join(["", *(f"  - {loss.line}" for loss in refused)])
    if any(loss.deleted for loss in refused):
        advice = (
            "It belongs to an instance that was taken out of the file, or has another name there. To delete its data "
            f"for good, put it back with `deletionProtection: false`, type `tributary up {stack}`, then take it out. "
            f"{PAGE} says how to move to another name without loss."
        )
    elif any(loss.type not in READERS for loss in refused):
        advice = f"{PAGE} says how to change it without loss: the new one is made beside the old one."
    else:
        commands = "; ".join(f"`pulumi state unprotect '{one.urn}' --stack {stack} --yes`" for one in refused)
        advice = (
            f"Let the writers pause, type `tributary verify {stack}` until it says equal, so that nothing waits in the "
            f"old stream; then {commands} and `tributary up {stack}`. {PAGE} has the steps."
        )
    return f"stack `{stack}` would lose data, and nothing was changed:{text}\n{advice}"


def refuse_taking_out(stack: Stack, exported: Iterable[str], readers: Sequence[Stack]) -> None:
    """Refuse a deployment that takes out an instance that another deployed stack reads. Raises StackError."""
    for instance in sorted(set(exported) - set(stack.architectures)):
        for reader in readers:
            peers = [peer for settings in reader.architectures.values() for peer in settings.peers()]
            if any((peer.stack, peer.instance) == (stack.name, instance) for peer in peers):
                raise StackError(
                    f"stack `{stack.name}` exports `{instance}`, which its file no longer has and `{reader.name}` "
                    f"reads. Take it out of Pulumi.{reader.name}.yaml first and type `tributary up {reader.name}`, or "
                    f"put it back."
                )


def refuse_destroying(stack: str, resources: Iterable[Mapping[str, Any]]) -> None:
    """Refuse to begin with a stack that holds protected data. Raises StackError."""
    held = [one for one in resources if one.get("protect") and one["type"] in HOLDERS and one["type"] not in READERS]
    if held:
        raise StackError(
            f"stack `{stack}` holds protected data: {', '.join(_name(one) for one in held)}. Nothing was destroyed. To "
            f"delete the data for good, set `deletionProtection: false` in Pulumi.{stack}.yaml, then type "
            f"`tributary up {stack}` and `tributary destroy {stack}`."
        )


def losses(preview: Preview) -> list[Loss]:
    """What protected data a deployment would delete or replace, each once."""
    steps = {step["urn"]: step for step in preview.steps if step["op"] in GOING}
    messages = {
        one["urn"]: one["message"]
        for one in preview.errors
        if one.get("urn") and any(words in one["message"] for words in PROTECTED)
    }
    return [
        Loss(
            urn,
            deleted=DELETED in message,
            state=steps.get(urn, {}).get("oldState") or {},
            reasons=steps.get(urn, {}).get("replaceReasons") or [],
        )
        for urn, message in messages.items()
        if _type_of(urn) in HOLDERS
    ]


def _name(resource: Mapping[str, Any]) -> str:
    """A resource by its noun and its physical name."""
    outputs = resource.get("outputs", {})
    name = outputs.get("name") or outputs.get("bucket") or outputs.get("arn") or resource["urn"].rpartition("::")[2]
    return f"{HOLDERS[_type_of(resource['urn'])][0]} `{name}`"


def _type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]
