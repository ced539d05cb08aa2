"""The operations of Kinesis that name their resource by ARN alone, which the emulator does not have.

Mode and record size of a stream, and the tags of streams and consumers.
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateStreamMode.html , …/API_UpdateMaxRecordSize.html ,
…/API_TagResource.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.emulator.kinesis import streams
from localcloud.emulator.kinesis.api import Answer, RefusedError, answered
from localcloud.emulator.request_gate import Call, Response, before

Data = Mapping[str, Any]


def update_mode(data: Data) -> Answer:
    """The shards stay as they are, whichever way the mode changes."""
    _stream(data["StreamARN"])["StreamModeDetails"] = dict(data["StreamModeDetails"])
    return answered({})


def update_record_size(data: Data) -> Answer:
    _stream(data["StreamARN"])["MaxRecordSizeInKiB"] = data["MaxRecordSizeInKiB"]
    return answered({})


def tag(data: Data) -> Answer:
    _tags(data["ResourceARN"]).update(data["Tags"])
    return answered({})


def untag(data: Data) -> Answer:
    tags = _tags(data["ResourceARN"])
    for key in data["TagKeys"]:
        tags.pop(key, None)
    return answered({})


def list_tags(data: Data) -> Answer:
    tags = _tags(data["ResourceARN"])
    return answered({"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]})


OPERATIONS: dict[str, Callable[[Data], Answer]] = {
    "kinesis:ListTagsForResource": list_tags,
    "kinesis:TagResource": tag,
    "kinesis:UntagResource": untag,
    "kinesis:UpdateMaxRecordSize": update_record_size,
    "kinesis:UpdateStreamMode": update_mode,
}


def _stream(arn: str) -> streams.Stream:
    """Raises RefusedError."""
    try:
        return streams.find(arn)
    except streams.StreamNotFoundError:
        raise _not_found(arn) from None


def _tags(arn: str) -> dict[str, str]:
    """The tags of a stream or a consumer, to be read and changed. Raises RefusedError."""
    from ministack.services import kinesis

    if "/consumer/" not in arn:
        tags: dict[str, str] = _stream(arn)["tags"]
        return tags
    parts = arn.split(":")
    consumer = kinesis._consumers.get_scoped(parts[4], parts[3], arn)
    if consumer is None:
        raise _not_found(arn)
    of_consumer: dict[str, str] = consumer.setdefault("tags", {})
    return of_consumer


def _not_found(arn: str) -> RefusedError:
    return RefusedError("ResourceNotFoundException", f"{arn} not found.")


def install() -> None:
    @before("kinesis")
    def serve(call: Call) -> Response | None:
        operation = OPERATIONS.get(call.action)
        if operation is None:
            return None
        try:
            return operation(call.data)
        except RefusedError as refused:
            return refused.answer
