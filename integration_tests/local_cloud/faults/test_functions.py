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
