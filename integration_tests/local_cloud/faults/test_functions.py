"""Functions whose environment breaks, and functions that another service invokes and Lambda throttles."""

import pytest

pytestmark = pytest.mark.local

COUNTING = """
import boto3, os
calls = 0

def handler(event, context):
    global calls
    calls += 1
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody="ran")
    return calls
"""


@pytest.mark.parametrize(("applied", "runs"), [(False, 1), (True, 2)], ids=["before it ran", "after it ran"])
def test_a_crash_breaks_the_environment(account, clients, queue, function, faults, applied, runs) -> None:
    mine = account()
    url, _ = queue(mine)
    allowed = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]
    counting = function(mine, COUNTING, environment={"QUEUE": url}, statements=allowed)
    with faults.crash(account=mine, resource=counting.name, count=1, applied=applied):
        answer = counting.invoke()
    assert answer["Payload"]["errorType"] == "Runtime.ExitError"
    assert answer["Payload"]["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert counting.invoke()["Payload"] == 1
    messages = clients(mine).sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert messages["Attributes"]["ApproximateNumberOfMessages"] == str(runs)


@pytest.mark.parametrize(("applied", "sent"), [(False, 2), (True, 3)], ids=["before the call", "after the call"])
def test_an_environment_breaks_in_the_middle_at_one_of_its_calls(
    account, clients, queue, function, faults, applied, sent
) -> None:
    mine = account()
    url, _ = queue(mine)
    source = """
    import boto3, os
    def handler(event, context):
        for turn in range(4):
            boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=str(turn))
    """
    allowed = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]
    sender = function(mine, source, environment={"QUEUE": url}, statements=allowed)
    sends = {"account": mine, "service": "sqs", "operation": "SendMessage"}
    with faults.abort(**sends, skip=2, count=1, applied=applied) as fault:
        answer = sender.invoke()
        assert fault.hits() == 1
    assert answer["Payload"]["errorType"] == "Runtime.ExitError"
    messages = clients(mine).sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert messages["Attributes"]["ApproximateNumberOfMessages"] == str(sent)
    assert "errorType" not in (sender.invoke()["Payload"] or {})


def test_a_duplicated_delivery_reaches_the_handler_twice(
    account, clients, stream, queue, function, faults, cleanup, eventually
) -> None:
    """Lambda processes each record at least once: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    mine = account()
    (url, _), arn = queue(mine), stream(mine)
    source = """
    import boto3, json, os
    def handler(event, context):
        numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(numbers))
    """
    allowed = [{"Effect": "Allow", "Action": ["sqs:SendMessage", "kinesis:*"], "Resource": "*"}]
    reader = function(mine, source, environment={"QUEUE": url}, statements=allowed)
    api = clients(mine)
    with faults.duplicate(account=mine, service="lambda", resource=reader.name, count=1) as fault:
        mapping = api.lambda_.create_event_source_mapping(
            EventSourceArn=arn, FunctionName=reader.name, StartingPosition="TRIM_HORIZON", BatchSize=10
        )
        cleanup(api.lambda_.delete_event_source_mapping, UUID=mapping["UUID"])
        api.kinesis.put_record(StreamARN=arn, Data=b"once", PartitionKey="k")
        eventually(fault.hits, equals=1, timeout=30)
        messages = eventually(
            lambda: api.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]),
            until=lambda answer: answer["Attributes"]["ApproximateNumberOfMessages"] == "2",
        )
    assert messages["Attributes"]["ApproximateNumberOfMessages"] == "2"


def test_an_in_process_invocation_is_throttled_and_made_again(
    account, clients, stream, queue, function, faults, cleanup, eventually
) -> None:
    mine = account()
    (url, _), arn = queue(mine), stream(mine)
    allowed = [{"Effect": "Allow", "Action": ["sqs:SendMessage", "kinesis:*"], "Resource": "*"}]
    reader = function(mine, COUNTING, environment={"QUEUE": url}, statements=allowed)
    api = clients(mine)
    with faults.throttle(account=mine, service="lambda", operation="Invoke", count=2) as fault:
        mapping = api.lambda_.create_event_source_mapping(
            EventSourceArn=arn, FunctionName=reader.name, StartingPosition="TRIM_HORIZON"
        )
        cleanup(api.lambda_.delete_event_source_mapping, UUID=mapping["UUID"])
        api.kinesis.put_record(StreamARN=arn, Data=b"once", PartitionKey="k")
        eventually(
            lambda: api.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]),
            until=lambda answer: answer["Attributes"]["ApproximateNumberOfMessages"] == "1",
            timeout=30,
        )
        assert fault.hits() == 2
