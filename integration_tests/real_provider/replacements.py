"""Which changed arguments make a resource anew: asked of the real provider's plan, and of the stand-in's diff."""

from collections.abc import Mapping, Sequence
from typing import Any

from integration_tests.real_provider.declared import State, address
from integration_tests.real_provider.names import argument
from localcloud.plugin.diffing import compare
from localcloud.plugin.resources import find

RULE = {
    "fromPort": 444,
    "ipProtocol": "udp",
    "referencedSecurityGroupId": "sg-1",
    "securityGroupId": "sg-2",
    "toPort": 445,
}
FUNCTION = "arn:aws:lambda:eu-west-1:111111111111:function:"
KEY = "arn:aws:kms:eu-west-1:111111111111:key/11111111-1111-1111-1111-111111111111"
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
# Type → another value for each property; those that a resource does not have are left out. Values are valid, and no
# two of a type exclude each other, since a provider's plan is asked about all of them at once.
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "aws:athena/workgroup:Workgroup": {"name": "another", "forceDestroy": False, "state": "DISABLED"},
    "aws:cloudwatch/dashboard:Dashboard": {"dashboardName": "another", "dashboardBody": '{"widgets":[]}'},
    "aws:cloudwatch/eventRule:EventRule": {
        "name": "another",
        "description": "another",
        "scheduleExpression": "rate(2 minutes)",
    },
    "aws:cloudwatch/eventTarget:EventTarget": {"rule": "another", "arn": f"{FUNCTION}another"},
    "aws:cloudwatch/logGroup:LogGroup": {
        "kmsKeyId": KEY,
        "name": "another",
        "retentionInDays": 1,
        "skipDestroy": True,
    },
    "aws:cloudwatch/logStream:LogStream": {"logGroupName": "another", "name": "another"},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {
        "alarmDescription": "another",
        "comparisonOperator": "LessThanThreshold",
        "evaluationPeriods": 99,
        "name": "another",
        "threshold": 99,
        "treatMissingData": "ignore",
    },
    "aws:dynamodb/table:Table": {
        "name": "another",
        "deletionProtectionEnabled": True,
        "streamViewType": "KEYS_ONLY",
        "tableClass": "STANDARD_INFREQUENT_ACCESS",
    },
    "aws:dynamodb/tableItem:TableItem": {
        "tableName": "another",
        "item": '{"sourceArn": {"S": "another"}, "id": {"S": "another"}}',
    },
    "aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination": {
        "approximateCreationDateTimePrecision": "MILLISECOND",
        "streamArn": "arn:aws:kinesis:eu-west-1:111111111111:stream/another",
        "tableName": "another",
    },
    "aws:ec2/routeTable:RouteTable": {"vpcId": "vpc-1"},
    "aws:ec2/routeTableAssociation:RouteTableAssociation": {"routeTableId": "rtb-1", "subnetId": "subnet-1"},
    "aws:ec2/securityGroup:SecurityGroup": {"description": "another", "name": "another", "vpcId": "vpc-1"},
    "aws:ec2/subnet:Subnet": {
        "availabilityZone": "eu-west-1c",
        "cidrBlock": "10.9.0.0/26",
        "mapPublicIpOnLaunch": True,
        "vpcId": "vpc-1",
    },
    "aws:ec2/vpc:Vpc": {"cidrBlock": "10.9.0.0/24", "enableDnsHostnames": False, "enableDnsSupport": True},
    "aws:ec2/vpcEndpoint:VpcEndpoint": {
        "policy": POLICY,
        "privateDnsEnabled": False,
        "serviceName": "com.amazonaws.us-east-1.sqs",
        "vpcEndpointType": "GatewayLoadBalancer",
        "vpcId": "vpc-1",
    },
    "aws:glue/catalogTable:CatalogTable": {
        "databaseName": "another",
        "name": "another",
        "tableType": "another",
        "viewExpandedText": "another",
        "viewOriginalText": "another",
    },
    "aws:glue/catalogDatabase:CatalogDatabase": {"name": "another", "description": "another"},
    "aws:iam/role:Role": {
        "assumeRolePolicy": POLICY,
        "maxSessionDuration": 7200,
        "name": "another",
        "path": "/another/",
    },
    "aws:iam/rolePolicy:RolePolicy": {"name": "another", "policy": POLICY, "role": "another"},
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": {"name": "another"},
    "aws:kinesis/resourcePolicy:ResourcePolicy": {
        "policy": POLICY,
        "resourceArn": "arn:aws:kinesis:eu-west-1:111111111111:stream/another",
    },
    "aws:kinesis/stream:Stream": {"kmsKeyId": KEY, "name": "another", "shardCount": 9, "retentionPeriod": 99},
    "aws:kinesis/streamConsumer:StreamConsumer": {
        "name": "another",
        "streamArn": "arn:aws:kinesis:eu-west-1:111111111111:stream/another",
    },
    "aws:kms/alias:Alias": {"name": "alias/another", "targetKeyId": "11111111-1111-1111-1111-111111111111"},
    "aws:kms/key:Key": {
        "description": "another",
        "deletionWindowInDays": 9,
        "enableKeyRotation": False,
        "customerMasterKeySpec": "RSA_2048",
        "keyUsage": "SIGN_VERIFY",
        "multiRegion": True,
        "policy": POLICY,
    },
    "aws:lambda/eventSourceMapping:EventSourceMapping": {
        "batchSize": 9,
        "bisectBatchOnFunctionError": False,
        "enabled": False,
        "eventSourceArn": "arn:aws:kinesis:eu-west-1:111111111111:stream/another",
        "functionName": "another",
        "maximumBatchingWindowInSeconds": 9,
        "maximumRecordAgeInSeconds": 99,
        "maximumRetryAttempts": 9,
        "parallelizationFactor": 9,
        "startingPosition": "LATEST",
    },
    "aws:lambda/function:Function": {
        "name": "another",
        "architectures": ["x86_64"],
        "handler": "another.handler",
        "kmsKeyArn": KEY,
        "memorySize": 999,
        "role": "arn:aws:iam::111111111111:role/another",
        "runtime": "python3.12",
        "timeout": 9,
    },
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": {
        "functionName": "another",
        "maximumEventAgeInSeconds": 90,
        "maximumRetryAttempts": 1,
    },
    "aws:lambda/functionRecursionConfig:FunctionRecursionConfig": {
        "functionName": "another",
        "recursiveLoop": "Terminate",
    },
    "aws:lambda/permission:Permission": {
        "action": "lambda:GetFunction",
        "function": "another",
        "principal": "s3.amazonaws.com",
        "sourceArn": "arn:aws:events:eu-west-1:111111111111:rule/another",
    },
    "aws:s3/bucket:Bucket": {"bucket": "another-bucket", "forceDestroy": False},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"bucket": "another-bucket"},
    "aws:s3/bucketMetric:BucketMetric": {"bucket": "another-bucket", "name": "another"},
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": {"bucket": "another-bucket"},
    "aws:s3/bucketPolicy:BucketPolicy": {"bucket": "another-bucket", "policy": POLICY},
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {
        "blockPublicAcls": False,
        "blockPublicPolicy": False,
        "bucket": "another-bucket",
        "ignorePublicAcls": False,
        "restrictPublicBuckets": False,
    },
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
        "bucket": "another-bucket"
    },
    "aws:s3/bucketVersioning:BucketVersioning": {"bucket": "another-bucket"},
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": RULE,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": RULE,
    "aws:sfn/stateMachine:StateMachine": {"name": "another", "type": "EXPRESS"},
}


def others(resource: State) -> dict[str, Any]:
    """Another value for each of a resource's inputs that OTHERS knows."""
    return {name: value for name, value in OTHERS.get(resource["type"], {}).items() if name in resource["inputs"]}


def changed(declared: Mapping[str, Any], resources: Sequence[State]) -> dict[str, Any]:
    """The Terraform JSON with every resource changed."""
    found = {kind: dict(named) for kind, named in declared["resource"].items()}
    for one in resources:
        kind, _, label = address(one).partition(".")
        other = {argument(one["type"], name): value for name, value in others(one).items()}
        found[kind][label] = {**found[kind][label], **other}
    return {**declared, "resource": found}


def replaced_by_stand_in(resource: State) -> set[str]:
    """The arguments (Terraform's names) for whose sake the stand-in makes the resource anew."""
    kind, inputs = find(resource["type"]), resource["inputs"]
    found = compare(kind, inputs, {**inputs, **others(resource)}, resource["outputs"])
    return {argument(resource["type"], change.path.partition("[")[0]) for change in found if change.replace}


def replaced_by_provider(resource: State, replaced: Mapping[str, set[str]]) -> set[str]:
    """Those of the changed arguments for whose sake the provider does."""
    asked = {argument(resource["type"], name) for name in others(resource)}
    return replaced.get(address(resource), set()) & asked
