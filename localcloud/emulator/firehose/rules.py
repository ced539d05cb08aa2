"""What the members of an S3 destination must be together; each rule gives AWS's page, and its message when it is
broken.

Checked when a stream is created, and on the merged configuration when it is updated.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from localcloud.emulator.firehose.destinations import processors
from localcloud.emulator.firehose.partitioning import program
from localcloud.emulator.firehose.prefixes import EXPRESSION, format_time, has_expression

Config = Mapping[str, Any]

_TRANSFORM_LIMITS = {
    # https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
    "BufferSizeInMBs": (0.2, 3.0),
    "BufferIntervalInSeconds": (0.0, 900.0),
    "NumberOfRetries": (0.0, 300.0),
}
_NAMESPACES = ("firehose", "timestamp", "partitionKeyFromQuery", "partitionKeyFromLambda")


def buffering(config: Config) -> Iterator[str]:
    # "if you specify a value for one of them, you must also provide a value for the other"
    # https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
    hints = config.get("BufferingHints")
    if hints and ("SizeInMBs" in hints) != ("IntervalInSeconds" in hints):
        yield "BufferingHints must specify both SizeInMBs and IntervalInSeconds."


def prefixes(config: Config) -> Iterator[str]:
    """https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html (Semantic rules)"""
    prefix, error_prefix = config.get("Prefix") or "", config.get("ErrorOutputPrefix") or ""
    for name, template in (("Prefix", prefix), ("ErrorOutputPrefix", error_prefix)):
        if "!{" in EXPRESSION.sub("", template):
            yield f"{name} is invalid: the sequence '!{{' can only appear in !{{namespace:value}} expressions."
        for namespace, value in EXPRESSION.findall(template):
            yield from _expression(name, namespace, value)
    if has_expression(prefix) and not error_prefix:
        yield "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions."
    if ("firehose", "error-output-type") in EXPRESSION.findall(prefix):
        yield "Prefix cannot contain !{firehose:error-output-type}."
    found = EXPRESSION.findall(error_prefix)
    if found and ("firehose", "error-output-type") not in found:
        yield "ErrorOutputPrefix must contain !{firehose:error-output-type} when it contains expressions."


def _expression(name: str, namespace: str, value: str) -> Iterator[str]:
    if namespace not in _NAMESPACES:
        yield f"{name} has an invalid namespace: {namespace}."
    elif namespace == "firehose" and value not in ("random-string", "error-output-type"):
        yield f"{name} has an invalid value of the firehose namespace: {value}."
    elif namespace.startswith("partitionKey") and name == "ErrorOutputPrefix":
        yield "ErrorOutputPrefix cannot contain partition keys."
    elif namespace == "timestamp":
        try:
            format_time(value, datetime.now(UTC))
        except ValueError as error:
            yield f"{name} has an invalid timestamp expression: {error}."


def time_zone(config: Config) -> Iterator[str]:
    # https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
    zone = config.get("CustomTimeZone") or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield f"CustomTimeZone {zone} is not supported."


def transform(config: Config) -> Iterator[str]:
    parameters = processors(config).get("Lambda")
    if parameters is None:
        return
    if ":function:" not in parameters.get("LambdaArn", ""):
        yield "The Lambda processor must have a LambdaArn parameter with the ARN of a function."
    for name, (low, high) in _TRANSFORM_LIMITS.items():
        try:
            inside = low <= float(parameters.get(name, low)) <= high
        except ValueError:
            inside = False
        if not inside:
            yield f"{name} of the Lambda processor must be a number between {low:g} and {high:g}."


def dynamic_partitioning(config: Config) -> Iterator[str]:
    """https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-enable.html and -s3bucketprefix.html"""
    enabled = bool((config.get("DynamicPartitioningConfiguration") or {}).get("Enabled"))
    used = {namespace: set[str]() for namespace in ("partitionKeyFromQuery", "partitionKeyFromLambda")}
    for namespace, value in EXPRESSION.findall(config.get("Prefix") or ""):
        if namespace in used:
            used[namespace].add(value)
    chain = processors(config)
    if not enabled:
        if any(used.values()) or "MetadataExtraction" in chain:
            yield "Dynamic partitioning must be enabled to use partition keys or a MetadataExtraction processor."
        return
    if (config.get("BufferingHints") or {}).get("SizeInMBs", 64) < 64:
        yield "BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled."
    if not any(used.values()):
        yield "S3 Prefix should contain partition key expressions when Dynamic Partitioning is enabled."
    if not config.get("ErrorOutputPrefix"):
        yield "ErrorOutputPrefix must be specified when Dynamic Partitioning is enabled."
    if used["partitionKeyFromLambda"] and "Lambda" not in chain:
        yield "Lambda processor should be present when S3 Prefix has partitionKeyFromLambda namespace."
    yield from _query(chain.get("MetadataExtraction"), used["partitionKeyFromQuery"])


def _query(parameters: Mapping[str, str] | None, used: set[str]) -> Iterator[str]:
    if parameters is None:
        if used:
            yield "MetadataExtraction processor should be present when S3 Prefix has partitionKeyFromQuery namespace."
        return
    if parameters.get("JsonParsingEngine") != "JQ-1.6":
        yield "JsonParsingEngine of the MetadataExtraction processor must be JQ-1.6."
    query = parameters.get("MetadataExtractionQuery", "")
    try:
        program(query)
    except ValueError as error:
        yield f"MetadataExtractionQuery is not a valid JQ expression: {error}."
    missing = sorted(key for key in used if key not in query)
    if missing:
        yield f"MetadataExtractionQuery does not define the partition keys {', '.join(missing)} of the S3 Prefix."


def format_conversion(config: Config) -> Iterator[str]:
    """https://docs.aws.amazon.com/firehose/latest/dev/enable-record-format-conversion.html"""
    conversion = config.get("DataFormatConversionConfiguration") or {}
    if not conversion or not conversion.get("Enabled", True):
        return
    if config.get("CompressionFormat", "UNCOMPRESSED") != "UNCOMPRESSED":
        yield "CompressionFormat must be UNCOMPRESSED when data format conversion is enabled."
    if (config.get("BufferingHints") or {}).get("SizeInMBs", 64) < 64:
        yield "BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled."
    for name in ("SchemaConfiguration", "InputFormatConfiguration", "OutputFormatConfiguration"):
        if not conversion.get(name):
            yield f"{name} must be specified when data format conversion is enabled."
    for name in ("RoleARN", "DatabaseName", "TableName"):
        if not (conversion.get("SchemaConfiguration") or {}).get(name):
            yield f"SchemaConfiguration.{name} must be specified when data format conversion is enabled."


def backup(config: Config) -> Iterator[str]:
    # https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html
    # (S3BackupMode)
    if config.get("S3BackupMode") == "Enabled" and not config.get("S3BackupConfiguration"):
        yield "S3BackupConfiguration must be specified when S3BackupMode is Enabled."


RULES: tuple[Callable[[Config], Iterator[str]], ...] = (
    buffering,
    prefixes,
    time_zone,
    transform,
    dynamic_partitioning,
    format_conversion,
    backup,
)


def broken(config: Config) -> str | None:
    """The message of the first rule that the configuration breaks, None when it breaks none."""
    return next((message for rule in RULES for message in rule(config)), None)


def broken_by_update(before: Config, after: Config) -> str | None:
    """The message of the first rule that an update breaks; some settings cannot be taken back.

    https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-enable.html
    https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationUpdate.html (S3BackupMode)
    """
    enabled = [bool((c.get("DynamicPartitioningConfiguration") or {}).get("Enabled")) for c in (before, after)]
    if enabled == [False, True]:
        return "Dynamic Partitioning can only be enabled when the delivery stream is created."
    if enabled == [True, False]:
        return "Dynamic Partitioning cannot be disabled once it is enabled."
    if before.get("S3BackupMode") == "Enabled" and after.get("S3BackupMode") != "Enabled":
        return "S3 backup cannot be disabled once it is enabled."
    return broken(after)
