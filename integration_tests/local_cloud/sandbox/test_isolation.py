"""A function sees its zip, its layers, its declared environment and the AWS SDK, and nothing else of its host."""

import pytest

from integration_tests.support.packaging import zipped

pytestmark = pytest.mark.local

IMPORTS = """
import importlib

def handler(names, _):
    found = {}
    for name in names:
        try:
            found[name] = importlib.import_module(name).__name__
        except ImportError as error:
            found[name] = type(error).__name__
    return found
"""


def test_only_the_sdk_is_importable_besides_the_zip(account, function) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-package.html: dependencies belong into the package."""
    mine = function(account(), {"handler.py": IMPORTS, "beside/__init__.py": "", "beside/part.py": ""})
    sdk = ["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"]
    others = ["ministack", "pulumi", "moto", "pytest", "hypothesis", "localcloud", "handlers", "pyarrow", "typer"]
    assert mine.invoke([*sdk, "beside.part", *others])["Payload"] == {
        **{name: name for name in [*sdk, "beside.part"]},
        **dict.fromkeys(others, "ModuleNotFoundError"),
    }


def test_the_environment_is_lambdas_and_the_declared_one(account, function) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""
    mine = function(
        account(),
        "import os\ndef handler(event, _): return dict(os.environ)",
        environment={"DECLARED": "yes"},
        memory=192,
    )
    seen = mine.invoke()["Payload"]
    expected = {
        "DECLARED": "yes",
        "_HANDLER": "handler.handler",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": mine.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{mine.name}",
        "TZ": ":UTC",
    }
    assert {name: seen.get(name) for name in expected} == expected
    assert seen["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    host = {"GATEWAY_PORT", "STATE_DIR", "S3_DATA_DIR", "AUTH", "VIRTUAL_ENV", "PYTHONPATH", "BIND_HOST", "LOG_LEVEL"}
    assert host.isdisjoint(seen)


def test_the_function_acts_as_its_role(account, function) -> None:
    mine = function(account(), "import boto3\ndef handler(*_): return boto3.client('sts').get_caller_identity()['Arn']")
    role_name = mine.role_arn.rsplit("/", 1)[1]
    account_id = mine.role_arn.split(":")[4]
    assert mine.invoke()["Payload"] == f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{mine.name}"


def test_code_comes_before_layers_and_layers_before_the_sdk(account, function, clients, unique, cleanup) -> None:
    account_id = account()
    name = unique("layer")
    layer = clients(account_id).lambda_.publish_layer_version(
        LayerName=name,
        Content={
            "ZipFile": zipped(
                {
                    "python/shared.py": "origin = 'layer'",
                    "python/lib/python3.13/site-packages/packaged.py": "origin = 'site-packages'",
                    "python/six.py": "origin = 'layer'",
                    "python/only_in_layer.py": "origin = 'layer'",
                }
            )
        },
    )
    cleanup(clients(account_id).lambda_.delete_layer_version, LayerName=name, VersionNumber=layer["Version"])
    source = """
    import shared, packaged, only_in_layer, six
    def handler(event, context):
        return [module.origin for module in (shared, packaged, only_in_layer, six)]
    """
    mine = function(
        account_id, {"handler.py": source, "shared.py": "origin = 'code'"}, Layers=[layer["LayerVersionArn"]]
    )
    assert mine.invoke()["Payload"] == ["code", "site-packages", "layer", "layer"]


def test_what_a_function_prints_is_never_its_result(account, function) -> None:
    source = """
    import json, os, subprocess, sys
    def handler(event, context):
        spoof = json.dumps({"status": "ok", "result": "spoofed"})
        os.write(1, (spoof + "\\n").encode())
        subprocess.run(["echo", spoof], check=True)
        print(spoof)
        return event
    """
    mine = function(account(), source)
    assert [mine.invoke(number)["Payload"] for number in range(3)] == [0, 1, 2]
