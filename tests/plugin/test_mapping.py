"""Inputs become requests, and descriptions become inputs again, through botocore's own models."""

from typing import Any

import pytest

from localcloud.plugin.mapping import from_response, to_request
from localcloud.plugin.resources import find

pytestmark = pytest.mark.pure


def request(token: str, inputs: dict[str, Any]) -> dict[str, Any]:
    resource = find(token)
    return to_request(resource.schema.inputs, resource.request_shape(), inputs, resource.names)


def test_names_that_differ_in_case_find_each_other() -> None:
    inputs = {
        "name": "copier", "memorySize": 128, "kmsKeyArn": "arn:key", "environment": {"variables": {"A": "1"}},
        "vpcConfig": {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}, "layers": ["arn:layer"],
    }  # fmt: skip

    assert request("aws:lambda/function:Function", inputs) == {
        "FunctionName": "copier",
        "MemorySize": 128,
        "KMSKeyArn": "arn:key",
        "Environment": {"Variables": {"A": "1"}},
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "Layers": ["arn:layer"],
    }


def test_a_delivery_stream_keeps_every_setting_both_ways() -> None:
    resource = find("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream")
    destination = {
        "bucketArn": "arn:bucket",
        "roleArn": "arn:role",
        "bufferingSize": 64,
        "bufferingInterval": 60,
        "kmsKeyArn": "arn:key",
        "processingConfiguration": {
            "enabled": True,
            "processors": [
                {"type": "Lambda", "parameters": [{"parameterName": "LambdaArn", "parameterValue": "arn:f"}]}
            ],
        },
        "dynamicPartitioningConfiguration": {"enabled": True, "retryDuration": 30},
        "dataFormatConversionConfiguration": {
            "inputFormatConfiguration": {"deserializer": {"openXJsonSerDe": {"caseInsensitive": True}}},
            "outputFormatConfiguration": {"serializer": {"parquetSerDe": {"compression": "GZIP"}}},
            "schemaConfiguration": {"databaseName": "d", "tableName": "t", "roleArn": "arn:role"},
        },
    }

    sent = request(resource.token, {"extendedS3Configuration": destination})

    assert sent["ExtendedS3DestinationConfiguration"] == {
        "BucketARN": "arn:bucket",
        "RoleARN": "arn:role",
        "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 60},
        "EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": "arn:key"}},
        "ProcessingConfiguration": {
            "Enabled": True,
            "Processors": [
                {"Type": "Lambda", "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": "arn:f"}]}
            ],
        },
        "DynamicPartitioningConfiguration": {"Enabled": True, "RetryOptions": {"DurationInSeconds": 30}},
        "DataFormatConversionConfiguration": {
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {"CaseInsensitive": True}}},
            "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {"Compression": "GZIP"}}},
            "SchemaConfiguration": {"DatabaseName": "d", "TableName": "t", "RoleARN": "arn:role"},
        },
    }
    back = from_response(resource.schema.inputs.properties, sent, resource.names)
    assert back == {"extendedS3Configuration": destination}


def test_a_block_of_which_there_can_be_one_is_a_list_in_the_api() -> None:
    sent = request(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls", {"bucket": "b", "rule": {"objectOwnership": "X"}}
    )

    assert sent == {"Bucket": "b", "OwnershipControls": {"Rules": [{"ObjectOwnership": "X"}]}}


def test_a_map_becomes_the_list_of_pairs_that_the_api_wants_and_back() -> None:
    resource = find("aws:cloudwatch/metricAlarm:MetricAlarm")
    query = {
        "id": "m",
        "metric": {"metricName": "Errors", "period": 60, "stat": "Sum", "dimensions": {"FunctionName": "f"}},
    }

    sent = request(resource.token, {"dimensions": {"Table": "t"}, "metricQueries": [query]})

    assert sent["Dimensions"] == [{"Name": "Table", "Value": "t"}]
    assert sent["Metrics"] == [
        {
            "Id": "m",
            "MetricStat": {
                "Metric": {"MetricName": "Errors", "Dimensions": [{"Name": "FunctionName", "Value": "f"}]},
                "Period": 60,
                "Stat": "Sum",
            },
        }
    ]
    # AWS does not keep the order of the members.
    live = {"Dimensions": [{"Value": "t", "Name": "Table"}], "Metrics": sent["Metrics"]}
    assert from_response(resource.schema.inputs.properties, live, resource.names) == {
        "dimensions": {"Table": "t"},
        "metricQueries": [query],
    }
