"""The handler as it was published, to compare with: a role assumed per invocation, a call per record.

From the article "Serverless Cross Account Stream Replication Using AWS Lambda, Amazon DynamoDB, and Amazon Kinesis
Firehose" (AWS Compute Blog), in today's Python. Two things differ: names come from the environment, and floats are
read as decimals, since boto3 refuses to write floats.
"""

import base64
import json
import os
from decimal import Decimal
from typing import Any

import boto3


def lambda_handler(event: dict[str, Any], context: object) -> str:
    """Writes each record of a Kinesis batch; a record that fails is printed and lost, as published."""
    client = boto3.client("sts")
    sts_response = client.assume_role(
        RoleArn=os.environ["ROLE_ARN"], RoleSessionName="AssumePocRole", DurationSeconds=900
    )
    dynamodb = boto3.resource(
        service_name="dynamodb",
        region_name=os.environ["TARGET_REGION"],
        aws_access_key_id=sts_response["Credentials"]["AccessKeyId"],
        aws_secret_access_key=sts_response["Credentials"]["SecretAccessKey"],
        aws_session_token=sts_response["Credentials"]["SessionToken"],
    )
    for record in event["Records"]:
        items = {}
        try:
            payload_json = json.loads(base64.b64decode(record["kinesis"]["data"]), parse_float=Decimal)
            payload_json["sequenceNumber"] = record["kinesis"]["sequenceNumber"]
            payload_json["shardId"] = record["eventID"].split(":")[0]
            payload_json["seqNumbershardIdHash"] = payload_json["sequenceNumber"][-3:-1] + "_" + payload_json["shardId"]
            for k, v in payload_json.items():
                if v is not None and v != "":
                    items[k] = v  # noqa: PERF403 (as published)
            table = dynamodb.Table(os.environ["TABLE_NAME"])
            table.put_item(Item=items)
        except Exception as e:
            print(e)
    return f"Successfully processed {len(event['Records'])} records."
