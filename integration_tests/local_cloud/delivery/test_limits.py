"""What the Firehose API refuses, and with which error.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html
"""

import base64

import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.delivery.conftest import hints, processing

pytestmark = [pytest.mark.local, pytest.mark.aws]

FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:any"
QUERY = {"MetadataExtractionQuery": "{id: .id}", "JsonParsingEngine": "JQ-1.6"}
BY_QUERY = {
    "Prefix": "id=!{partitionKeyFromQuery:id}/",
    "ErrorOutputPrefix": "failed/!{firehose:error-output-type}/",
    "BufferingHints": hints(60, 64),
    "DynamicPartitioningConfiguration": {"Enabled": True},
    "ProcessingConfiguration": processing(("MetadataExtraction", QUERY)),
}
CONVERSION = {
    "DataFormatConversionConfiguration": {
        "SchemaConfiguration": {"DatabaseName": "d", "TableName": "t"},
        "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
        "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}},
    }
}

OUT_OF_RANGE = {
    "size": {"BufferingHints": hints(60, 129)},
    "interval": {"BufferingHints": hints(901, 5)},
    "compression": {"CompressionFormat": "LZ4"},
    "prefix": {"Prefix": "x" * 1025},
    "extension": {"FileExtension": "no-dot"},
    "backup mode": {"S3BackupMode": "Sometimes"},
    "retry duration": {**BY_QUERY, "DynamicPartitioningConfiguration": {"RetryOptions": {"DurationInSeconds": 7201}}},
}

NOT_TOGETHER = {
    "one hint": {"BufferingHints": {"SizeInMBs": 5}},
    "expressions without an error prefix": {"Prefix": "!{timestamp:yyyy}/"},
    "error type in the prefix": {"Prefix": "!{firehose:error-output-type}/", "ErrorOutputPrefix": "bad/"},
    "error prefix without its type": {"ErrorOutputPrefix": "bad/!{timestamp:yyyy}/"},
    "unknown namespace": {"Prefix": "!{nothing:yyyy}/", "ErrorOutputPrefix": "bad/!{firehose:error-output-type}/"},
    "half an expression": {"Prefix": "!{timestamp/", "ErrorOutputPrefix": "bad/"},
    "time zone": {"CustomTimeZone": "Mars/Olympus"},
    "transform buffer": {
        "ProcessingConfiguration": processing(("Lambda", {"LambdaArn": FUNCTION, "BufferSizeInMBs": "4"}))
    },
    "transform without a function": {"ProcessingConfiguration": processing(("Lambda", {"NumberOfRetries": "1"}))},
    "partition keys without partitioning": {**BY_QUERY, "DynamicPartitioningConfiguration": {"Enabled": False}},
    "small buffers with partitioning": {**BY_QUERY, "BufferingHints": hints(60, 63)},
    "partitioning without keys": {**BY_QUERY, "Prefix": "plain/"},
    "partitioning without a query": {**BY_QUERY, "ProcessingConfiguration": {"Enabled": False}},
    "partitioning without an error prefix": {**BY_QUERY, "ErrorOutputPrefix": ""},
    "keys of a function that is not there": {**BY_QUERY, "Prefix": "!{partitionKeyFromLambda:id}/"},
    "query that is no jq": {
        **BY_QUERY,
        "ProcessingConfiguration": processing(("MetadataExtraction", {**QUERY, "MetadataExtractionQuery": "{id: .id"})),
    },
    "key that the query has not": {**BY_QUERY, "Prefix": "!{partitionKeyFromQuery:other}/"},
    "compressed conversion": {**CONVERSION, "BufferingHints": hints(60, 64), "CompressionFormat": "GZIP"},
    "small buffers with conversion": {**CONVERSION, "BufferingHints": hints(60, 5)},
    "backup without a destination": {"S3BackupMode": "Enabled"},
}


@pytest.fixture
def codes(account, make, clients, unique):
    """`codes(cases)`: the error code of creating a stream with each configuration."""
    account_id = account()
    role_arn = make.role(account_id, trusts="firehose.amazonaws.com")
    # The SDK checks some of it itself; here the service has to.
    firehose = clients(account_id).client("firehose", parameter_validation=False)

    def of(configuration):
        conversion = configuration.get("DataFormatConversionConfiguration")
        if conversion:
            schema = {**conversion["SchemaConfiguration"], "RoleARN": role_arn}
            conversion = {"DataFormatConversionConfiguration": {**conversion, "SchemaConfiguration": schema}}
        try:
            firehose.create_delivery_stream(
                DeliveryStreamName=unique("refused"),
                ExtendedS3DestinationConfiguration={
                    "RoleARN": role_arn,
                    "BucketARN": f"arn:aws:s3:::{unique('bucket')}",
                    **configuration,
                    **(conversion or {}),
                },
            )
        except ClientError as refused:
            return refused.response["Error"]["Code"]
        return "accepted"

    return lambda cases: {name: of(configuration) for name, configuration in cases.items()}


def test_values_out_of_their_range_are_refused(codes):
    assert codes(OUT_OF_RANGE) == dict.fromkeys(OUT_OF_RANGE, "ValidationException")


def test_settings_that_do_not_go_together_are_refused(codes):
    assert codes(NOT_TOGETHER) == dict.fromkeys(NOT_TOGETHER, "InvalidArgumentException")


def test_what_is_right_is_accepted(codes):
    right = {"partitioning": BY_QUERY, "conversion": {**CONVERSION, "BufferingHints": hints(60, 64)}, "defaults": {}}
    assert codes(right) == dict.fromkeys(right, "accepted")


def test_two_destinations_are_refused(account, make, clients, unique):
    account_id = account()
    role_arn = make.role(account_id, trusts="firehose.amazonaws.com")
    destination = {"RoleARN": role_arn, "BucketARN": "arn:aws:s3:::any-bucket"}

    with pytest.raises(ClientError) as refused:
        clients(account_id).firehose.create_delivery_stream(
            DeliveryStreamName=unique("refused"),
            ExtendedS3DestinationConfiguration=destination,
            S3DestinationConfiguration=destination,
        )

    assert refused.value.response["Error"]["Code"] == "InvalidArgumentException"


def test_partitioning_is_for_ever(delivery_stream):
    plain = delivery_stream()
    with pytest.raises(ClientError) as refused:
        plain.update(BY_QUERY)
    assert refused.value.response["Error"]["Code"] == "InvalidArgumentException"
    partitioned = delivery_stream(**BY_QUERY)
    with pytest.raises(ClientError) as refused:
        partitioned.update({"DynamicPartitioningConfiguration": {"Enabled": False}})
    assert refused.value.response["Error"]["Code"] == "InvalidArgumentException"


def test_an_update_names_the_version_that_it_changes(delivery_stream):
    stream = delivery_stream()
    destination_id = stream.describe()["Destinations"][0]["DestinationId"]

    with pytest.raises(stream.clients.firehose.exceptions.ConcurrentModificationException):
        stream.clients.firehose.update_destination(
            DeliveryStreamName=stream.name,
            CurrentDeliveryStreamVersionId="7",
            DestinationId=destination_id,
            ExtendedS3DestinationUpdate={"Prefix": "x"},
        )


def test_a_record_has_at_most_1000_kib(delivery_stream):
    stream = delivery_stream()
    firehose = stream.clients.firehose
    firehose.put_record(DeliveryStreamName=stream.name, Record={"Data": b"x" * 1024 * 1000})

    for put in (
        lambda data: firehose.put_record(DeliveryStreamName=stream.name, Record={"Data": data}),
        lambda data: firehose.put_record_batch(DeliveryStreamName=stream.name, Records=[{"Data": data}]),
    ):
        with pytest.raises(ClientError) as refused:
            put(b"x" * (1024 * 1000 + 1))
        assert refused.value.response["Error"]["Code"] in ("ValidationException", "InvalidArgumentException")


def test_a_batch_has_at_most_500_records_and_4_mib(delivery_stream):
    stream = delivery_stream()
    firehose = stream.clients.firehose
    answer = firehose.put_record_batch(DeliveryStreamName=stream.name, Records=[{"Data": b"x"}] * 500)
    assert answer["FailedPutCount"] == 0
    assert len({entry["RecordId"] for entry in answer["RequestResponses"]}) == 500

    for records in ([{"Data": b"x"}] * 501, [{"Data": b"x" * 1024 * 1000}] * 5):
        with pytest.raises(ClientError) as refused:
            firehose.put_record_batch(DeliveryStreamName=stream.name, Records=records)
        assert refused.value.response["Error"]["Code"] in ("ValidationException", "InvalidArgumentException")


def test_a_stream_that_does_not_exist_takes_nothing(account, clients, unique):
    firehose = clients(account()).firehose

    with pytest.raises(firehose.exceptions.ResourceNotFoundException):
        firehose.put_record(DeliveryStreamName=unique("nobody"), Record={"Data": base64.b64encode(b"x")})


def test_a_stream_is_created_with_tags_of_any_script(account, make, clients, unique, cleanup):
    account_id, name = account(), unique("tagged")
    role_arn = make.role(account_id, trusts="firehose.amazonaws.com")
    firehose = clients(account_id).client("firehose")
    destination = {"RoleARN": role_arn, "BucketARN": "arn:aws:s3:::any-bucket"}
    tags = [
        {"Key": "team", "Value": "Größe @ 5%"},
        {"Key": "empty", "Value": ""},
        {"Key": "単位", "Value": "a/b:c=d+e-f"},
    ]

    def create(name, tags):
        return firehose.create_delivery_stream(
            DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination, Tags=tags
        )

    create(name, tags)
    cleanup(firehose.delete_delivery_stream, DeliveryStreamName=name)
    firehose.tag_delivery_stream(DeliveryStreamName=name, Tags=[{"Key": "later", "Value": "yes"}])
    firehose.untag_delivery_stream(DeliveryStreamName=name, TagKeys=["empty"])
    found = firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in found} == {"team": "Größe @ 5%", "単位": "a/b:c=d+e-f", "later": "yes"}

    for wrong in ({"Key": "aws:team", "Value": "x"}, {"Key": "team", "Value": "a;b"}, {"Key": "k" * 129, "Value": "x"}):
        for refused in (
            lambda wrong=wrong: create(unique("refused"), [wrong]),
            lambda wrong=wrong: firehose.tag_delivery_stream(DeliveryStreamName=name, Tags=[wrong]),
        ):
            with pytest.raises(ClientError) as error:
                refused()
            assert error.value.response["Error"]["Code"] == "ValidationException", wrong
