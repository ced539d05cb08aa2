"""What a delivery stream's S3 configuration says, parsed once into plain values.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEBIBYTE = 1024 * 1024

# https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
DEFAULT_SIZE_MB = 5
DEFAULT_INTERVAL_S = 300

# https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
DEFAULT_TRANSFORM_SIZE_MB = 1.0
DEFAULT_TRANSFORM_INTERVAL_S = 60
DEFAULT_TRANSFORM_RETRIES = 3

# "The default value is 300 (5 minutes)": https://docs.aws.amazon.com/firehose/latest/APIReference/API_RetryOptions.html
DEFAULT_RETRY_S = 300


@dataclass(frozen=True)
class Transform:
    """The Lambda processor: which function, with what batches, how often it is tried again."""

    function_arn: str
    size_bytes: int
    interval_s: float
    retries: int


@dataclass(frozen=True)
class LogTarget:
    group: str
    stream: str


@dataclass(frozen=True)
class Destination:
    """An S3 destination or backup. Sizes in bytes, times in seconds; None where a feature is off.

    `deaggregation` is b"" for concatenated JSON and the delimiter for delimited sub-records.
    """

    bucket: str
    role_arn: str
    prefix: str
    error_prefix: str | None
    size_bytes: int
    interval_s: float
    compression: str
    key_arn: str | None
    log: LogTarget | None
    time_zone: str
    extension: str
    transform: Transform | None
    query: str | None
    partitioned: bool
    retry_s: float
    newline: bool
    deaggregation: bytes | None
    conversion: Mapping[str, Any] | None
    backup: "Destination | None"


def processors(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The enabled processors of a configuration: their type mapped to their parameters."""
    processing = config.get("ProcessingConfiguration") or {}
    if not processing.get("Enabled"):
        return {}
    return {
        processor["Type"]: {p["ParameterName"]: p["ParameterValue"] for p in processor.get("Parameters") or []}
        for processor in processing.get("Processors") or []
    }


def parse(config: Mapping[str, Any]) -> Destination:
    """The destination that a validated S3 or extended S3 configuration describes."""
    hints = config.get("BufferingHints") or {}
    kms = (config.get("EncryptionConfiguration") or {}).get("KMSEncryptionConfig") or {}
    partitioning = config.get("DynamicPartitioningConfiguration") or {}
    conversion = config.get("DataFormatConversionConfiguration") or {}
    chain = processors(config)
    backup = config.get("S3BackupConfiguration") if config.get("S3BackupMode") == "Enabled" else None
    return Destination(
        bucket=str(config["BucketARN"]).rsplit(":", 1)[1],
        role_arn=config["RoleARN"],
        prefix=config.get("Prefix") or "",
        error_prefix=config.get("ErrorOutputPrefix") or None,
        size_bytes=int(hints.get("SizeInMBs", DEFAULT_SIZE_MB)) * MEBIBYTE,
        interval_s=float(hints.get("IntervalInSeconds", DEFAULT_INTERVAL_S)),
        compression=config.get("CompressionFormat") or "UNCOMPRESSED",
        key_arn=kms.get("AWSKMSKeyARN"),
        log=_log_target(config.get("CloudWatchLoggingOptions") or {}),
        time_zone=config.get("CustomTimeZone") or "UTC",
        extension=config.get("FileExtension") or "",
        transform=_transform(chain.get("Lambda")),
        query=chain.get("MetadataExtraction", {}).get("MetadataExtractionQuery"),
        partitioned=bool(partitioning.get("Enabled")),
        retry_s=float((partitioning.get("RetryOptions") or {}).get("DurationInSeconds", DEFAULT_RETRY_S)),
        newline="AppendDelimiterToRecord" in chain,
        deaggregation=_deaggregation(chain.get("RecordDeAggregation")),
        conversion=conversion if conversion and conversion.get("Enabled", True) else None,
        backup=parse(backup) if backup else None,
    )


def _log_target(options: Mapping[str, Any]) -> LogTarget | None:
    if not (options.get("Enabled") and options.get("LogGroupName") and options.get("LogStreamName")):
        return None
    return LogTarget(options["LogGroupName"], options["LogStreamName"])


def _transform(parameters: Mapping[str, str] | None) -> Transform | None:
    if parameters is None:
        return None
    return Transform(
        function_arn=parameters["LambdaArn"],
        size_bytes=int(float(parameters.get("BufferSizeInMBs", DEFAULT_TRANSFORM_SIZE_MB)) * MEBIBYTE),
        interval_s=float(parameters.get("BufferIntervalInSeconds", DEFAULT_TRANSFORM_INTERVAL_S)),
        retries=int(parameters.get("NumberOfRetries", DEFAULT_TRANSFORM_RETRIES)),
    )


def _deaggregation(parameters: Mapping[str, str] | None) -> bytes | None:
    if parameters is None:
        return None
    # "This custom delimiter must be a base-64 encoded string."
    # https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-multirecord-deaggergation.html
    return base64.b64decode(parameters["Delimiter"]) if parameters.get("SubRecordType") == "DELIMITED" else b""


@dataclass(frozen=True)
class Configuration:
    """What a delivery stream is set to at the moment; `source_arn` is the Kinesis stream it reads, if it reads one."""

    destination: Destination
    version: int
    source_arn: str | None = None
