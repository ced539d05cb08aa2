"""A Distributed Map reads its items from S3, runs each as a child and writes the results, with the role's rights.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

import json
from typing import Any

import pytest

from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

ITEMS = [{"n": number} for number in range(6)]
CHECK = {
    "StartAt": "Odd?",
    "States": {
        "Odd?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericEquals": 3, "Next": "Three"}],
            "Default": "Good",
        },
        "Three": {"Type": "Fail", "Error": "Three", "Cause": "it is three"},
        "Good": {"Type": "Succeed"},
    },
}


def mapped(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    state = {
        "Type": "Map",
        "Label": "Each",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Parameters": {"Bucket.$": "$.bucket", "Key": "items.jsonl"},
        },
        "MaxConcurrencyPath": "$.most",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **processor},
        "End": True,
        **fields,
    }
    return {"StartAt": "Map", "States": {"Map": state}}


@pytest.fixture
def store(account, clients, bucket):
    """An account with a bucket of items: account, bucket, S3 client."""
    mine = account()
    name, s3 = bucket(mine), clients(mine).s3
    s3.put_object(Bucket=name, Key="items.jsonl", Body="".join(f"{json.dumps(item)}\n" for item in ITEMS).encode())
    return mine, name, s3


def test_results_are_written_by_status_and_a_tolerated_failure_stops_nobody(store, machine) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html"""
    mine, name, s3 = store
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket.$": "$.bucket", "Prefix": "out/"}}
    mapping = machine(mine, mapped(CHECK, ToleratedFailurePercentage=20, ResultWriter=writer))
    objects = f"arn:aws:s3:::{name}/"
    itself = statement("states:StartExecution", mapping.arn)
    reads = statement("s3:GetObject", f"{objects}items.jsonl")

    for allowed, error, action in (
        ([reads], "States.Runtime", "states:StartExecution"),
        ([itself], "States.ItemReaderFailed", "s3:GetObject"),
        ([itself, reads], "States.ResultWriterFailed", "s3:PutObject"),
    ):
        mapping.allow(*allowed)
        failed = mapping.run({"bucket": name, "most": 2})
        assert (failed["status"], failed["error"]) == ("FAILED", error)
        assert action in failed["cause"]

    mapping.allow(itself, reads, statement("s3:PutObject", f"{objects}out/*"))
    done = mapping.run({"bucket": name, "most": 2})
    assert done["status"] == "SUCCEEDED"
    output = json.loads(done["output"])
    run = mapping.map_run(done["executionArn"])
    assert output["MapRunArn"] == run["mapRunArn"]
    assert (run["status"], run["maxConcurrency"], run["toleratedFailurePercentage"]) == ("SUCCEEDED", 2, 20)
    counts = {name: count for name, count in run["itemCounts"].items() if count}
    assert counts == {"total": 6, "succeeded": 5, "failed": 1, "resultsWritten": 6}
    assert run["executionCounts"] == run["itemCounts"]

    def written(key: str) -> Any:
        return json.loads(s3.get_object(Bucket=name, Key=key)["Body"].read())

    manifest = written(output["ResultWriterDetails"]["Key"])
    assert (manifest["DestinationBucket"], manifest["MapRunArn"]) == (name, run["mapRunArn"])
    [failures], [successes] = manifest["ResultFiles"]["FAILED"], manifest["ResultFiles"]["SUCCEEDED"]
    assert manifest["ResultFiles"]["PENDING"] == []
    [failure] = written(failures["Key"])
    assert (json.loads(failure["Input"]), failure["Error"], failure["Cause"]) == ({"n": 3}, "Three", "it is three")
    outputs = [json.loads(child["Output"]) for child in written(successes["Key"])]
    assert sorted(outputs, key=lambda item: item["n"]) == [item for item in ITEMS if item["n"] != 3]
    children = mapping.clients.stepfunctions.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    assert {child["executionArn"] for child in children} == {
        child["ExecutionArn"] for key in (failures["Key"], successes["Key"]) for child in written(key)
    }


def test_more_failures_than_are_tolerated_fail_the_map_run(store, machine) -> None:
    mine, name, _ = store
    mapping = machine(mine, mapped(CHECK, ToleratedFailurePercentage=10))
    mapping.allow(statement("states:StartExecution", mapping.arn), statement("s3:GetObject"))
    failed = mapping.run({"bucket": name, "most": 1})
    assert (failed["status"], failed["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    run = mapping.map_run(failed["executionArn"])
    counts = {name: count for name, count in run["itemCounts"].items() if count}
    assert (run["status"], counts) == ("FAILED", {"total": 6, "succeeded": 3, "failed": 1, "aborted": 2})


def test_stopping_an_execution_ends_its_children(store, machine, eventually) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    mine, name, _ = store
    slow = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}}
    mapping = machine(mine, mapped(slow))
    mapping.allow(statement("states:StartExecution", mapping.arn), statement("s3:GetObject"))
    arn = mapping.start({"bucket": name, "most": 2})
    sfn = mapping.clients.stepfunctions
    eventually(lambda: list(sfn.list_map_runs(executionArn=arn)["mapRuns"]), timeout=20)
    eventually(lambda: mapping.map_run(arn)["itemCounts"]["running"], equals=2, timeout=20)
    sfn.stop_execution(executionArn=arn, error="Enough", cause="told to")
    run = mapping.map_run(arn)
    counts = {name: count for name, count in run["itemCounts"].items() if count}
    assert (run["status"], counts) == ("ABORTED", {"total": 6, "aborted": 6})
    children = sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    assert {child["status"] for child in children} == {"ABORTED"}
    found = sfn.describe_execution(executionArn=arn)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "told to")
