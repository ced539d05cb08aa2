"""Transformation by a Lambda function: batches, statuses, failures and their documents.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

import base64
import json

import pytest

from integration_tests.local_cloud.delivery.conftest import error_lines, hints, processing, writes
from integration_tests.support.addressing import statement
from integration_tests.support.factories import objects
from integration_tests.support.waiting import eventually

pytestmark = [pytest.mark.local, pytest.mark.aws]

# Answers as each record's JSON asks: {"do": "Ok"}; what it is given is kept in the output.
OBEDIENT = """
import base64, json

def handler(event, context):
    answers = []
    for record in event["records"]:
        wish = json.loads(base64.b64decode(record["data"]))
        if wish["do"] == "raise":
            raise RuntimeError("as asked")
        if wish["do"] == "missing":
            continue
        told = {name: value for name, value in event.items() if name != "records"}
        said = {"wish": wish, "batch": len(event["records"]), "event": told}
        data = base64.b64encode(json.dumps(said).encode() + b"\\n").decode()
        answer = {"recordId": record["recordId"], "result": wish["do"], "data": data}
        if wish["do"] == "stranger":
            answer = {"recordId": "someone-else", "result": "Ok", "data": data}
        if wish["do"] == "garbage":
            answer["result"], answer["data"] = "Ok", "not base64!"
        answers.append(answer)
        if wish["do"] == "twice":
            answer["result"] = "Ok"
            answers.append(answer)
    return {"records": answers}
"""


def wish(do: str, number: int = 0) -> bytes:
    return json.dumps({"do": do, "n": number}).encode()


@pytest.fixture
def transformed(delivery_stream, function, account, make):
    """`transformed(source)`: a stream whose records go through a function of this source in batches of a second."""

    def made(
        source=OBEDIENT, *, may_invoke=True, interval_s=1, retries=1, size_mb="1", account_id=None, **configuration
    ):
        account_id = account_id or account()
        code = function(account_id, source)
        bucket = make.bucket(account_id)
        invoke = [statement(["lambda:InvokeFunction", "lambda:GetFunctionConfiguration"], [code.arn, f"{code.arn}:*"])]
        lambda_processor = {
            "LambdaArn": code.arn,
            "BufferIntervalInSeconds": str(interval_s),
            "BufferSizeInMBs": size_mb,
            "NumberOfRetries": str(retries),
        }
        settings = {
            "Prefix": "good/",
            "BufferingHints": hints(0),  # the function's own buffer makes the wait
            "ErrorOutputPrefix": "bad/!{firehose:error-output-type}/",
            "ProcessingConfiguration": processing(("Lambda", lambda_processor)),
            **configuration,
        }
        statements = [*writes(bucket), *(invoke if may_invoke else [])]
        return delivery_stream(account_id=account_id, bucket=bucket, statements=statements, **settings), code

    return made


def outputs(stream) -> list[dict]:
    return [json.loads(line) for body in stream.objects("good/").values() for line in body.splitlines()]


def await_failures(stream, count: int) -> list[dict]:
    def seen():
        return [line for body in stream.objects("bad/").values() for line in error_lines(body)]

    return eventually(seen, until=lambda lines: len(lines) >= count, timeout=30)


def raw(failure: dict) -> bytes:
    return base64.b64decode(failure["rawData"])


def test_records_are_transformed_in_one_batch_and_in_order(transformed):
    stream, _ = transformed()

    stream.put(*[wish("Ok", number) for number in range(20)])

    found = eventually(lambda: outputs(stream), until=lambda lines: len(lines) == 20, timeout=20)
    assert [line["wish"]["n"] for line in found] == list(range(20))
    assert {line["batch"] for line in found} == {20}
    assert {line["event"]["deliveryStreamArn"] for line in found} == {stream.arn}
    assert {line["event"]["region"] for line in found} == {stream.clients.region}
    assert len({line["event"]["invocationId"] for line in found}) == 1


def test_the_size_closes_a_batch(transformed):
    stream, _ = transformed(interval_s=900, size_mb="0.2")
    wishes = [json.dumps({"do": "Ok", "n": number, "pad": "x" * 50_000}).encode() for number in range(9)]

    stream.put(*wishes)

    found = eventually(lambda: outputs(stream), until=lambda lines: len(lines) >= 8, timeout=20)
    assert [line["wish"]["n"] for line in found] == list(range(8))
    assert {line["batch"] for line in found} == {4}


def test_each_status_has_its_way(transformed):
    stream, code = transformed()
    wishes = [wish(do, number) for number, do in enumerate(["Ok", "Dropped", "ProcessingFailed", "Ok"])]

    stream.put(*wishes)

    (failure,) = await_failures(stream, 1)
    eventually(lambda: [line["wish"]["n"] for line in outputs(stream)], equals=[0, 3], timeout=20)
    assert raw(failure) == wishes[2]
    assert failure["errorCode"] == "Lambda.ProcessingFailedStatus"
    assert failure["lambdaArn"] == code.arn
    assert failure["attemptsMade"] == 1
    assert failure["arrivalTimestamp"] <= failure["attemptEndingTimestamp"]
    (key,) = stream.objects("bad/")
    assert key.startswith("bad/processing-failed/")


@pytest.mark.parametrize(
    ("do", "code"),
    [
        ("missing", "Lambda.MissingRecordId"),
        ("stranger", "Lambda.MissingRecordId"),
        ("twice", "Lambda.DuplicatedRecordId"),
    ],
)
def test_a_record_whose_id_is_not_returned_once_is_failed(transformed, do, code):
    stream, _ = transformed()

    stream.put(wish(do))

    (failure,) = await_failures(stream, 1)
    assert (failure["errorCode"], raw(failure)) == (code, wish(do))
    assert stream.objects("good/") == {}


def test_a_function_that_raises_is_tried_again_and_its_records_end_in_the_error_output(transformed):
    stream, _ = transformed(retries=2)
    wishes = [wish("Ok", 1), wish("raise", 2)]

    stream.put(*wishes)

    failures = await_failures(stream, 2)
    assert [raw(failure) for failure in failures] == wishes
    assert {failure["errorCode"] for failure in failures} == {"Lambda.FunctionError"}
    assert {failure["attemptsMade"] for failure in failures} == {3}
    assert stream.objects("good/") == {}


def test_a_failing_batch_does_not_hold_back_the_next(transformed):
    stream, _ = transformed(retries=0)
    stream.put(wish("raise"))
    await_failures(stream, 1)

    stream.put(wish("Ok", 7))

    eventually(lambda: [line["wish"]["n"] for line in outputs(stream)], equals=[7], timeout=20)


def test_an_answer_that_is_no_answer_fails_the_batch(transformed):
    stream, _ = transformed("def handler(event, context):\n    return 'nothing of use'\n", retries=0)

    stream.put(b"kept")

    (failure,) = await_failures(stream, 1)
    assert failure["errorCode"] == "Lambda.JsonProcessingException"
    assert raw(failure) == b"kept"


def test_without_permission_to_invoke_the_records_end_in_the_error_output(transformed):
    stream, _ = transformed(may_invoke=False, retries=0)

    stream.put(wish("Ok"))

    (failure,) = await_failures(stream, 1)
    assert failure["errorCode"] == "Lambda.InvokeAccessDenied"
    assert raw(failure) == wish("Ok")


def test_a_function_that_does_not_exist_is_named_in_the_error_output(transformed):
    stream, code = transformed(retries=0)
    code.clients.lambda_.delete_function(FunctionName=code.name)

    stream.put(wish("Ok"))

    (failure,) = await_failures(stream, 1)
    assert failure["errorCode"] == "Lambda.ResourceNotFound"


def test_source_records_are_backed_up_as_they_came(transformed, make, account, clients):
    account_id = account()
    backup_bucket = make.bucket(account_id)
    role_arn = make.role(account_id, writes(backup_bucket), trusts="firehose.amazonaws.com")
    backup = {
        "RoleARN": role_arn,
        "BucketARN": f"arn:aws:s3:::{backup_bucket}",
        "Prefix": "source/",
        "BufferingHints": hints(1),
    }
    stream, _ = transformed(account_id=account_id, S3BackupMode="Enabled", S3BackupConfiguration=backup)
    wishes = [wish("Ok", 1), wish("Dropped", 2), wish("ProcessingFailed", 3)]

    stream.put(*wishes)

    await_failures(stream, 1)
    described = stream.describe()["Destinations"][0]["ExtendedS3DestinationDescription"]["S3BackupDescription"]
    assert {name: described[name] for name in backup} == backup

    s3 = clients(account_id).s3
    backed_up = eventually(lambda: objects(s3, backup_bucket, "source/"), timeout=20)
    assert b"".join(backed_up.values()) == b"".join(wishes)


def test_a_transform_may_call_firehose_and_s3_itself(transformed):
    """The function is not run where it would wait for the service that waits for it."""
    source = (
        "import boto3\n"
        "def handler(event, context):\n"
        "    boto3.client('sts').get_caller_identity()\n"
        "    return {'records': [{**r, 'result': 'Ok'} for r in event['records']]}\n"
    )
    stream, _ = transformed(source)

    stream.put(b"through")

    stream.await_body(b"through", "good/")


def test_transformations_are_measured(transformed):
    stream, _ = transformed(retries=0)

    stream.put(wish("Ok"), wish("Dropped"), wish("ProcessingFailed"))
    await_failures(stream, 1)

    eventually(lambda: stream.metric("SucceedProcessing.Records"), equals=[2.0], timeout=300)
    assert stream.metric("ExecuteProcessing.Success", "Average") == [1.0]
