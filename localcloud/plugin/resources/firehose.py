"""Firehose delivery streams to S3, from direct puts or from a Kinesis stream.

The other destinations of `pulumi_aws` are refused. Which API members a destination has, and their limits, is read from
botocore's model; https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin import mapping
from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.errors import OperationError
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

_S3 = "extendedS3Configuration"
_BACKUP = f"{_S3}.s3BackupConfiguration"


def _names(path: str, member: str | None = None) -> dict[str, str | None]:
    """The members of an S3 destination at `path` whose names differ."""
    return {
        **({path: member} if member else {}),
        f"{path}.bufferingSize": "BufferingHints.SizeInMBs",
        f"{path}.bufferingInterval": "BufferingHints.IntervalInSeconds",
        f"{path}.kmsKeyArn": "EncryptionConfiguration.KMSEncryptionConfig.AWSKMSKeyARN",
    }


_NAMES: dict[str, str | None] = {
    "name": "DeliveryStreamName",
    "arn": "DeliveryStreamARN",
    "destination": None,
    "destinationId": None,
    "serverSideEncryption": None,
    "kinesisSourceConfiguration": "KinesisStreamSourceConfiguration",
    f"{_S3}.dynamicPartitioningConfiguration.retryDuration": "RetryOptions.DurationInSeconds",
    **_names(_S3, "ExtendedS3DestinationConfiguration"),
    **_names(_BACKUP),
}
_READ_NAMES = {**_NAMES, _BACKUP: "S3BackupDescription"}
_UPDATE_NAMES = {**_NAMES, _BACKUP: "S3BackupUpdate"}

_OTHER_DESTINATIONS = (
    "elasticsearchConfiguration", "httpEndpointConfiguration", "icebergConfiguration", "mskSourceConfiguration",
    "opensearchConfiguration", "opensearchserverlessConfiguration", "redshiftConfiguration", "snowflakeConfiguration",
    "splunkConfiguration",
)  # fmt: skip


def _create(context: Context) -> str:
    source = "KinesisStreamAsSource" if "kinesisSourceConfiguration" in context.inputs else "DirectPut"
    encryption = _encryption(context.inputs)
    request = context.request() | {"DeliveryStreamType": source}
    if encryption:
        request["DeliveryStreamEncryptionConfigurationInput"] = encryption
    answer = context.call("CreateDeliveryStream", **request)
    context.id = str(answer["DeliveryStreamARN"])
    _active(context)
    return context.id


def _encryption(inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    given = inputs.get("serverSideEncryption")
    if not given or not given.get("enabled"):
        return None
    key = {"KeyARN": given["keyArn"]} if given.get("keyArn") else {}
    return {"KeyType": given["keyType"], **key}


def _stream_name(context: Context) -> str:
    return context.id.rpartition("/")[2]


def _describe(context: Context) -> dict[str, Any] | None:
    found = or_missing(lambda: context.call("DescribeDeliveryStream", DeliveryStreamName=_stream_name(context)))
    return found["DeliveryStreamDescription"] if found else None


def _active(context: Context) -> None:
    def look() -> bool | None:
        stream = _describe(context)
        if stream and stream["DeliveryStreamStatus"] == "CREATING_FAILED":
            details = stream.get("FailureDescription", {}).get("Details", "AWS gives no reason")
            raise OperationError(f"Firehose could not create the delivery stream: {details}.")
        return True if stream and stream["DeliveryStreamStatus"] == "ACTIVE" else None

    context.wait(look, f"delivery stream {context.id} to be active")


def _encryption_settled(context: Context) -> None:
    def look() -> bool | None:
        status = (_describe(context) or {}).get("DeliveryStreamEncryptionConfiguration", {}).get("Status", "DISABLED")
        if status.endswith("_FAILED"):
            raise OperationError(f"Firehose could not change the encryption of {context.id}: it is {status}.")
        return True if status in ("ENABLED", "DISABLED") else None

    context.wait(look, f"the encryption of delivery stream {context.id} to be changed")


def _read(context: Context) -> Properties | None:
    stream = _describe(context)
    if stream is None or stream["DeliveryStreamStatus"] == "DELETING":
        return None
    context.id = stream["DeliveryStreamARN"]
    destination = stream["Destinations"][0]
    kinds = context.resource.schema.inputs.properties
    described = {
        "ExtendedS3DestinationConfiguration": destination.get("ExtendedS3DestinationDescription"),
        "KinesisStreamSourceConfiguration": stream.get("Source", {}).get("KinesisStreamSourceDescription"),
    }
    state = mapping.from_response(kinds, described, _READ_NAMES)
    encryption = stream.get("DeliveryStreamEncryptionConfiguration", {})
    if encryption.get("Status") in ("ENABLED", "ENABLING"):
        block = {"enabled": True, "keyType": encryption.get("KeyType"), "keyArn": encryption.get("KeyARN")}
        state["serverSideEncryption"] = {key: value for key, value in block.items() if value}
    return {
        **state,
        "name": stream["DeliveryStreamName"],
        "arn": stream["DeliveryStreamARN"],
        "destination": "extended_s3",
        "destinationId": destination["DestinationId"],
        "versionId": stream["VersionId"],
    }


def _change_destination(context: Context) -> None:
    stream = _describe(context)
    if stream is None:
        raise OperationError(f"The delivery stream {context.id} is gone. Run `pulumi refresh`, then deploy again.")
    shape = context.resource.request_shape("UpdateDestination").members["ExtendedS3DestinationUpdate"]
    kind = context.resource.schema.inputs.properties[_S3]
    settings = mapping.to_request(kind, shape, context.inputs[_S3], _UPDATE_NAMES, _S3)  # type: ignore[arg-type]
    settings |= _switched_off(context.old.get(_S3, {}), context.inputs[_S3])
    context.call(
        "UpdateDestination",
        DeliveryStreamName=_stream_name(context),
        CurrentDeliveryStreamVersionId=stream["VersionId"],
        DestinationId=stream["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate=settings,
    )


def _switched_off(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """An update keeps what it does not mention, so what the program no longer has must be switched off in words."""
    off: dict[str, tuple[str, Any]] = {
        "processingConfiguration": ("ProcessingConfiguration", {"Enabled": False, "Processors": []}),
        "cloudwatchLoggingOptions": ("CloudWatchLoggingOptions", {"Enabled": False}),
        "dataFormatConversionConfiguration": ("DataFormatConversionConfiguration", {"Enabled": False}),
        "kmsKeyArn": ("EncryptionConfiguration", {"NoEncryptionConfig": "NoEncryption"}),
        "prefix": ("Prefix", ""),
        "errorOutputPrefix": ("ErrorOutputPrefix", ""),
        "fileExtension": ("FileExtension", ""),
    }
    return {member: value for name, (member, value) in off.items() if name in old and name not in new}


def _change_encryption(context: Context) -> None:
    if context.old.get("serverSideEncryption", {}).get("enabled") and not _encryption(context.inputs):
        context.call("StopDeliveryStreamEncryption", DeliveryStreamName=_stream_name(context))
    elif encryption := _encryption(context.inputs):
        context.call(
            "StartDeliveryStreamEncryption",
            DeliveryStreamName=_stream_name(context),
            DeliveryStreamEncryptionConfigurationInput=encryption,
        )
    _encryption_settled(context)


def _delete(context: Context) -> None:
    context.call("DeleteDeliveryStream", DeliveryStreamName=_stream_name(context))
    context.wait(lambda: True if _describe(context) is None else None, f"delivery stream {context.id} to be gone")


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    if inputs.get("destination") not in ("extended_s3", None):
        yield Failure("destination", "the local stand-in for the aws provider delivers to extended_s3 only.")
    destination = inputs.get(_S3)
    if not isinstance(destination, dict):
        yield Failure(_S3, f"{_S3} is needed for the destination extended_s3.")
        return
    encryption = inputs.get("serverSideEncryption", {})
    if isinstance(encryption, dict) and encryption.get("enabled") is True:
        if "kinesisSourceConfiguration" in inputs:
            # https://docs.aws.amazon.com/firehose/latest/APIReference/API_StartDeliveryStreamEncryption.html
            yield Failure(
                "serverSideEncryption",
                "a delivery stream that reads a Kinesis stream cannot be encrypted itself: encrypt the stream.",
            )
        if encryption.get("keyType") == "CUSTOMER_MANAGED_CMK" and not encryption.get("keyArn"):
            yield Failure("serverSideEncryption.keyArn", "keyArn is needed when keyType is CUSTOMER_MANAGED_CMK.")
    if destination.get("s3BackupMode") == "Enabled" and "s3BackupConfiguration" not in destination:
        yield Failure(_BACKUP, "s3BackupConfiguration is needed when s3BackupMode is Enabled.")
    yield from _size_rules(destination)
    yield from _parameter_rules(destination)


# What the provider leaves out of its state, and would therefore change at every deployment where it is said.
# https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/kinesis_firehose_delivery_stream
_TAKEN_UNLESS_SAID = {"NumberOfRetries": "3", "BufferSizeInMBs": "1", "BufferIntervalInSeconds": "60"}


def _parameter_rules(destination: Mapping[str, Any]) -> Iterator[Failure]:
    for place, processor in enumerate(destination.get("processingConfiguration", {}).get("processors", [])):
        role = {"RoleArn": destination.get("roleArn")}
        for number, one in enumerate(processor.get("parameters", []) if processor.get("type") == "Lambda" else []):
            name, value = one.get("parameterName"), one.get("parameterValue")
            if value is not None and (_TAKEN_UNLESS_SAID | role).get(name) == value:
                yield Failure(
                    f"{_S3}.processingConfiguration.processors[{place}].parameters[{number}]",
                    f"{name} is {value} unless it is said; said, it differs at every deployment: leave it out.",
                )


# Megabytes. https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-enable.html and
# https://docs.aws.amazon.com/firehose/latest/APIReference/API_DataFormatConversionConfiguration.html
_LEAST_MB = 64


def _size_rules(destination: Mapping[str, Any]) -> Iterator[Failure]:
    size = destination.get("bufferingSize")
    demanding = [
        name
        for name in ("dynamicPartitioningConfiguration", "dataFormatConversionConfiguration")
        if isinstance(destination.get(name), dict) and destination[name].get("enabled") is True
    ]
    for name in demanding:
        if isinstance(size, int) and size < _LEAST_MB:
            yield Failure(
                f"{_S3}.bufferingSize",
                f"bufferingSize must be at least {_LEAST_MB} (MB) with {name}, but it is {size}.",
            )
    # https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html
    if (
        "dataFormatConversionConfiguration" in demanding
        and destination.get("compressionFormat", "UNCOMPRESSED") != "UNCOMPRESSED"
    ):
        yield Failure(
            f"{_S3}.compressionFormat", "compressionFormat must be UNCOMPRESSED with dataFormatConversionConfiguration."
        )
    if "dynamicPartitioningConfiguration" in demanding and not destination.get("errorOutputPrefix"):
        yield Failure(f"{_S3}.errorOutputPrefix", "errorOutputPrefix is needed with dynamicPartitioningConfiguration.")


_BUFFERING = {"bufferingSize": 5, "bufferingInterval": 300, "compressionFormat": "UNCOMPRESSED"}

RESOURCES = (
    ResourceType(
        token="aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        service="firehose",
        operation="CreateDeliveryStream",
        create=_create,
        read=_read,
        delete=_delete,
        updates=(Update((_S3,), _change_destination), Update(("serverSideEncryption",), _change_encryption)),
        names=_NAMES,
        immutable=("name", "destination", "kinesisSourceConfiguration", "arn", "versionId",
                   f"{_S3}.dynamicPartitioningConfiguration.enabled"),
        defaults={
            f"{path}.{name}": value
            for path in (_S3, _BACKUP)
            for name, value in _BUFFERING.items()
        }
        | {
            f"{_S3}.s3BackupMode": "Disabled",
            f"{_S3}.customTimeZone": "UTC",
            f"{_S3}.dynamicPartitioningConfiguration.retryDuration": 300,
            f"{_S3}.dataFormatConversionConfiguration.enabled": True,
            "serverSideEncryption.keyType": "AWS_OWNED_CMK",
        },
        computed=(
            "arn", "destinationId", "versionId", f"{_S3}.cloudwatchLoggingOptions",
            f"{_BACKUP}.cloudwatchLoggingOptions",
            f"{_S3}.dataFormatConversionConfiguration.schemaConfiguration.catalogId",
            f"{_S3}.dataFormatConversionConfiguration.schemaConfiguration.versionId",
            f"{_S3}.processingConfiguration.processors.parameters",
        ),
        unordered=(f"{_S3}.processingConfiguration.processors.parameters",),
        unsupported=(*_OTHER_DESTINATIONS, "arn", "destinationId", "versionId"),
        name=Name(longest=64),
        tagging=Tagging("DeliveryStreamName", by="name", tag="TagDeliveryStream", untag="UntagDeliveryStream",
                        listing="ListTagsForDeliveryStream"),
        rules=(_rules,),
        volatile={"versionId": (_S3,)},
        # A role made a moment ago: https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
        transient=(
            Transient("InvalidArgumentException", "is not authorized to"),
            Transient("InvalidArgumentException", "Please make sure the role"),
            Transient("InvalidArgumentException", "unable to assume role"),
            Transient("InvalidKMSResourceException", "Access was denied when calling"),
            Transient("ResourceInUseException"),
        ),
    ),
)  # fmt: skip
