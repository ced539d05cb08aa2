"""The Firehose API where the emulator's is not AWS's: limits, roles and descriptions; `puts` takes records in.

https://docs.aws.amazon.com/firehose/latest/APIReference/Welcome.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.emulator.access.authorization import AccessDenied, assume
from localcloud.emulator.firehose import puts, rules, sources, streams
from localcloud.emulator.firehose.answers import Answer, Operation, invalid
from localcloud.emulator.firehose.identity import SERVICE
from localcloud.emulator.patching import replaces

MODULE = "ministack.services.firehose"

_S3_CONFIGURATIONS = ("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")
_S3_UPDATES = ("ExtendedS3DestinationUpdate", "S3DestinationUpdate")


def _refused(role_arn: str, source_arn: str) -> Answer | None:
    """A role that does not exist or does not trust Firehose refuses the stream.

    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Allow Firehose to assume an IAM role)
    """
    try:
        assume(role_arn, SERVICE, "firehose", source_arn=source_arn)
    except AccessDenied:
        return invalid(f"Firehose is unable to assume role {role_arn}. Please check the role provided.")
    return None


def _source_problem(data: dict[str, Any]) -> Answer | None:
    """https://docs.aws.amazon.com/firehose/latest/APIReference/API_CreateDeliveryStream.html"""
    source = data.get("KinesisStreamSourceConfiguration")
    from_kinesis = data.get("DeliveryStreamType") == "KinesisStreamAsSource"
    if from_kinesis and not source:
        return invalid(
            "KinesisStreamSourceConfiguration must be specified for a KinesisStreamAsSource delivery stream."
        )
    if source and not from_kinesis:
        return invalid("KinesisStreamSourceConfiguration is only for a KinesisStreamAsSource delivery stream.")
    return None


def create(original: Operation, data: dict[str, Any]) -> Answer:
    from ministack.services import firehose

    if refused := _source_problem(data):
        return refused
    given = [key for key in data if key.endswith("DestinationConfiguration")]
    if len(given) != 1:
        return invalid("Exactly one destination configuration is supported for a Firehose stream.")
    arn = firehose._stream_arn(data["DeliveryStreamName"])
    if given[0] in _S3_CONFIGURATIONS:
        config = data[given[0]]
        if message := rules.broken(config):
            return invalid(message)
        for role_arn in _roles(data, config):
            if refused := _refused(role_arn, arn):
                return refused
    answer = original(data)
    stored = firehose._streams.get(data["DeliveryStreamName"])
    if answer[0] == 200 and stored is not None:
        sources.start(stored)
    return answer


def _roles(data: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """The roles that Firehose assumes for a stream."""
    holders = (config, config.get("S3BackupConfiguration") or {}, data.get("KinesisStreamSourceConfiguration") or {})
    return [holder["RoleARN"] for holder in holders if holder.get("RoleARN")]


def update(original: Operation, data: dict[str, Any]) -> Answer:
    from ministack.services import firehose

    stored = firehose._streams.get(data["DeliveryStreamName"])
    key = next((key for key in _S3_UPDATES if key in data), None)
    destination = streams.s3_destination(stored) if stored else None
    if key and destination is not None:
        change = dict(data[key])
        if "S3BackupUpdate" in change:
            before = destination["config"].get("S3BackupConfiguration") or {}
            change["S3BackupConfiguration"] = {**before, **change.pop("S3BackupUpdate")}
        merged = {**destination["config"], **change}
        if message := rules.broken_by_update(destination["config"], merged):
            return invalid(message)
        for role_arn in _roles({}, merged):
            if refused := _refused(role_arn, stored["arn"]):
                return refused
        # Both kinds of S3 destination are one: an update of either merges into what is there.
        data = {name: value for name, value in data.items() if name != key}
        data[f"{destination['type']}DestinationUpdate"] = change
    answer = original(data)
    if stored is not None:
        streams.reconsider(stored["arn"])
    return answer


def delete(original: Operation, data: dict[str, Any]) -> Answer:
    from ministack.services import firehose

    stored = firehose._streams.get(data.get("DeliveryStreamName", ""))
    answer = original(data)
    if answer[0] == 200 and stored is not None:
        sources.stop(stored["arn"])
        streams.forget(stored["arn"])
    return answer


def describe_destination(
    original: Callable[[dict[str, Any]], dict[str, Any]], destination: dict[str, Any]
) -> dict[str, Any]:
    """The destination with every setting that it was given.

    https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationDescription.html
    """
    described = original(destination)
    if destination["type"] not in streams.S3_TYPES:
        return described
    config = destination["config"]
    key = "ExtendedS3DestinationDescription"
    extended = described.setdefault(key, described.pop("S3DestinationDescription", {}))
    for name in ("Prefix", "ErrorOutputPrefix"):
        if not config.get(name):
            extended.pop(name, None)
    for name in ("FileExtension", "CustomTimeZone"):
        if config.get(name):
            extended[name] = config[name]
    if config.get("S3BackupConfiguration"):
        extended["S3BackupDescription"] = _s3_description(config["S3BackupConfiguration"])
    # AWS describes the plain S3 destination beside the extended one.
    described["S3DestinationDescription"] = _s3_description(config)
    return described


def _s3_description(config: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/firehose/latest/APIReference/API_S3DestinationDescription.html"""
    defaults = {
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
    }
    names = ("RoleARN", "BucketARN", "Prefix", "ErrorOutputPrefix")
    given = {name: config[name] for name in (*names, *defaults) if config.get(name)}
    return {**defaults, **given}


def install() -> None:
    """Put the operations in place, in the module and in its table of operations."""
    from ministack.services import firehose

    for operation, name, source, replacement in (
        ("CreateDeliveryStream", "_create_delivery_stream", "4d5903ac6582", create),
        ("UpdateDestination", "_update_destination", "cbefb28cca81", update),
        ("DeleteDeliveryStream", "_delete_delivery_stream", "ee690834a6f5", delete),
        ("PutRecord", "_put_record", "6a7ed0471aef", puts.put_record),
        ("PutRecordBatch", "_put_record_batch", "5e868d2aec51", puts.put_record_batch),
    ):
        replaces(MODULE, name, source=source)(replacement)
        firehose._HANDLERS[operation] = getattr(firehose, name)
    replaces(MODULE, "_dest_description", source="64df867dbdbd")(describe_destination)

    @replaces(MODULE, "ingest_from_kinesis_source", source="7dceac1c06ae")
    def ingest(original: Callable[..., None], stream_arn: str, records: list[Any]) -> None:
        """Nothing: a delivery stream reads its source stream itself, as the role of its source configuration."""
