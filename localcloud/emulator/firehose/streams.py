"""The delivery streams of the emulator's store, and the pipeline of each one that has something to deliver."""

import threading
from typing import Any

from localcloud.emulator.firehose.destinations import Configuration, parse
from localcloud.emulator.firehose.identity import Identity
from localcloud.emulator.firehose.pipeline import Pipeline

S3_TYPES = ("ExtendedS3", "S3")

_lock = threading.Lock()
_pipelines: dict[str, Pipeline] = {}


def identity_of(stream: dict[str, Any]) -> Identity:
    """Who a stored stream is."""
    region, account_id = stream["arn"].split(":")[3:5]
    return Identity(stream["name"], stream["arn"], account_id, region)


def s3_destination(stream: dict[str, Any]) -> dict[str, Any] | None:
    """The stored stream's S3 destination, None when it has another one."""
    found: dict[str, Any] | None = next((d for d in stream["destinations"] if d["type"] in S3_TYPES), None)
    return found


def configuration_of(stream: dict[str, Any]) -> Configuration | None:
    """What the stored stream is set to; None when it delivers to something else than S3."""
    destination = s3_destination(stream)
    if destination is None:
        return None
    source = (stream.get("kinesis_source") or {}).get("KinesisStreamARN")
    return Configuration(parse(destination["config"]), int(stream["version"]), source)


def _stored(stream: Identity) -> dict[str, Any] | None:
    from ministack.services import firehose

    found: dict[str, Any] | None = firehose._streams.get_scoped(stream.account_id, stream.region, stream.name)
    return found


def pipeline_of(stream: dict[str, Any]) -> Pipeline:
    """The pipeline of a stored stream."""
    with _lock:
        pipeline = _pipelines.get(stream["arn"])
        if pipeline is None:
            identity = identity_of(stream)

            def current() -> Configuration | None:
                stored = _stored(identity)
                # A stream created anew under the name has its own pipeline.
                return configuration_of(stored) if stored is stream else None

            pipeline = _pipelines[stream["arn"]] = Pipeline(identity, current)
        return pipeline


def reconsider(arn: str) -> None:
    """Let the pipeline of an updated stream act on its new configuration."""
    with _lock:
        pipeline = _pipelines.get(arn)
    if pipeline is not None:
        pipeline.reconsider()


def forget(arn: str) -> None:
    """Stop the pipeline of a deleted stream."""
    with _lock:
        pipeline = _pipelines.pop(arn, None)
    if pipeline is not None:
        pipeline.stop()


def forget_all() -> None:
    """Stop every pipeline: the local cloud is reset."""
    with _lock:
        pipelines = list(_pipelines.values())
        _pipelines.clear()
    for pipeline in pipelines:
        pipeline.stop()
