"""Functions that read queues: answers of every form, filters, and what the mapping API asks and shows.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration_tests.local_cloud.event_sources.conftest import in_state, messages, remove
from integration_tests.local_cloud.messaging.conftest import bodies, refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

READ = statement(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"])
# The body of the first message says what to answer: `{"answer": …}`; `"ID"` in it is the first message's id.
ANSWERER = """
import json
from concurrent.futures import ThreadPoolExecutor

def handler(event, context):
    print("BATCH " + json.dumps([record["body"] for record in event["Records"]]))
    answer = json.loads(event["Records"][0]["body"])["answer"]
    return json.loads(json.dumps(answer).replace('"ID"', json.dumps(event["Records"][0]["messageId"])))
"""

FAILING_ONCE = """
def handler(event, context):
    for record in event["Records"]:
        first = record["attributes"]["ApproximateReceiveCount"] == "1"
        if record["body"] == "a0" and first:
            raise RuntimeError("a0 at first")
        print("DONE " + record["body"])
"""


@pytest.fixture
def mapped(own, queue, function, cleanup, eventually):
    """`mapped(**options)`: a source queue read by the answering function, and its dead-letter queue's URL."""

    def make(**options):
        grave_url, grave_arn = queue(own.account_id)
        redrive = json.dumps({"deadLetterTargetArn": grave_arn, "maxReceiveCount": 2})
        url, arn = queue(own.account_id, VisibilityTimeout="1", RedrivePolicy=redrive)
        reader = function(own.account_id, ANSWERER, statements=[READ], timeout=1)
        request = {"FunctionName": reader.name, "EventSourceArn": arn, "Enabled": False, **options}
        mapping_id = own.lambda_.create_event_source_mapping(**request)["UUID"]
        cleanup(remove, own.lambda_, mapping_id, eventually)
        in_state(own.lambda_, mapping_id, "Disabled", eventually)
        return url, grave_url, mapping_id, reader

    return make


def test_a_malformed_answer_fails_the_whole_batch_which_ends_among_the_dead_letters(
    own, mapped, receive, eventually
) -> None:
    """Given a queue for each answer, when its batch has failed twice, then all of it is in the dead-letter queue."""
    answers = [
        {"batchItemFailures": [{"foo": "ID"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": "ID"}, {"itemIdentifier": "nobody"}]},
        "a string",
    ]
    graves = []
    for answer in answers:
        url, grave_url, mapping_id, _ = mapped(FunctionResponseTypes=["ReportBatchItemFailures"])
        sent = [json.dumps({"answer": answer, "n": n}) for n in range(2)]
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(sent)]
        own.sqs.send_message_batch(QueueUrl=url, Entries=entries)
        own.lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=True)
        graves.append((grave_url, sent))
    for grave_url, sent in graves:
        got: list[str] = []
        eventually(
            lambda url=grave_url, seen=got: seen.extend(bodies(receive(url))) or sorted(seen), equals=sent, timeout=60
        )


def test_reported_messages_stay_the_others_go_and_filtered_ones_never_reach_the_function(
    own, mapped, receive, eventually
) -> None:
    url, grave_url, mapping_id, reader = mapped(
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"kind": [{"anything-but": "noise"}]}})}]},
    )
    failing = json.dumps({"answer": {"batchItemFailures": [{"itemIdentifier": "ID"}]}, "kind": "order"})
    texts = [failing, *(json.dumps({"kind": kind, "answer": None}) for kind in ("order", "noise")), "no JSON"]
    own.sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": text} for n, text in enumerate(texts)]
    )
    own.lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=True)
    eventually(lambda: bodies(receive(grave_url)), equals=[failing], timeout=30)
    seen = [json.loads(line.partition(" ")[2]) for line in messages(reader, "BATCH")]
    assert seen == [texts[:2], [failing]]


def test_a_batch_is_as_large_as_its_window_allows(own, mapped, eventually) -> None:
    url, _, mapping_id, reader = mapped(BatchSize=20, MaximumBatchingWindowInSeconds=2)
    own.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
    own.lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=True)
    sent = [json.dumps({"answer": None, "n": n}) for n in range(25)]
    for at in range(0, 25, 5):
        entries = [{"Id": str(n), "MessageBody": text} for n, text in enumerate(sent[at : at + 5])]
        own.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    batches = eventually(
        lambda: [json.loads(line.partition(" ")[2]) for line in messages(reader, "BATCH")],
        until=lambda got: sum(map(len, got)) == 25,
        timeout=30,
    )
    assert sorted(map(len, batches)) == [5, 20]


def test_a_fifo_queue_is_read_in_order_of_each_group(own, fifo_queue, function, cleanup, eventually) -> None:
    """Given two groups of which one fails at first, when they are read, then neither waits for the other, in order."""
    url, arn = fifo_queue(ContentBasedDeduplication="true", VisibilityTimeout="2")
    reader = function(own.account_id, FAILING_ONCE, statements=[READ], timeout=2)
    for number in range(3):
        for group in "ab":
            own.sqs.send_message(QueueUrl=url, MessageBody=f"{group}{number}", MessageGroupId=group)
    create = own.lambda_.create_event_source_mapping
    mapping_id = create(FunctionName=reader.name, EventSourceArn=arn, BatchSize=1)["UUID"]
    cleanup(remove, own.lambda_, mapping_id, eventually)

    def seen():
        return [line.partition(" ")[2].strip() for line in messages(reader, "DONE")]

    got = eventually(seen, until=lambda names: len(names) == 6, timeout=60)
    assert [name for name in got if name[0] == "a"] == ["a0", "a1", "a2"]
    assert [name for name in got if name[0] == "b"] == ["b0", "b1", "b2"]
    assert got.index("b0") < got.index("a0")


def test_a_queue_is_read_while_the_role_may_use_its_key(own, mapped, eventually) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html"""
    url, _, mapping_id, reader = mapped()
    key = own.kms.create_key()["KeyMetadata"]["Arn"]
    own.sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key})
    own.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"answer": None}))
    own.lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=True)
    eventually(
        lambda: own.lambda_.get_event_source_mapping(UUID=mapping_id)["LastProcessingResult"],
        until=lambda result: "kms:Decrypt" in result,
    )
    assert not list(messages(reader, "BATCH"))
    policy = {"Version": "2012-10-17", "Statement": [statement("kms:Decrypt", key)]}
    own.iam.put_role_policy(
        RoleName=reader.role_arn.rpartition("/")[2], PolicyName="key", PolicyDocument=json.dumps(policy)
    )
    eventually(lambda: list(messages(reader, "BATCH")), timeout=30)
    own.iam.delete_role_policy(RoleName=reader.role_arn.rpartition("/")[2], PolicyName="key")


def test_the_mapping_api_asks_for_the_queue_and_shows_its_states(own, mapped, queue, function, eventually) -> None:
    _, _, mapping_id, reader = mapped()
    create = own.lambda_.create_event_source_mapping
    missing = f"arn:aws:sqs:{own.region}:{own.account_id}:nowhere"
    assert refused(create, FunctionName=reader.name, EventSourceArn=missing) == "InvalidParameterValueException"
    _, hasty = queue(own.account_id, VisibilityTimeout="0")
    assert refused(create, FunctionName=reader.name, EventSourceArn=hasty) == "InvalidParameterValueException"
    powerless, (_, arn) = function(own.account_id, ANSWERER), queue(own.account_id)
    assert refused(create, FunctionName=powerless.name, EventSourceArn=arn) == "InvalidParameterValueException"

    answer = own.lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=True)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["State"]) == (202, "Enabling")
    in_state(own.lambda_, mapping_id, "Enabled", eventually)
    update = own.lambda_.update_event_source_mapping

    def asked_twice() -> str:
        """The second one may come after the first one's change: then nothing refuses it."""
        in_state(own.lambda_, mapping_id, "Enabled", eventually)
        assert update(UUID=mapping_id, BatchSize=5)["State"] == "Updating"
        return refused(update, UUID=mapping_id, BatchSize=5)

    eventually(asked_twice, equals="ResourceInUseException")
    in_state(own.lambda_, mapping_id, "Enabled", eventually)
    created = create(FunctionName=reader.name, EventSourceArn=queue(own.account_id)[1])
    assert created["State"] == "Creating"
    answer = own.lambda_.delete_event_source_mapping(UUID=created["UUID"])
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["State"]) == (202, "Deleting")
    get = own.lambda_.get_event_source_mapping
    eventually(lambda: refused(get, UUID=created["UUID"]), equals="ResourceNotFoundException")


def test_no_message_is_lost_that_is_sent_while_others_are_processed(own, mapped, eventually) -> None:
    """Given a mapping that deletes its batches, when four senders send 800 messages, then each is processed."""
    url, _, mapping_id, reader = mapped()
    own.lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=True)

    def send(sender: int) -> None:
        for batch in range(20):
            names = [f"{sender}-{batch}-{number}" for number in range(10)]
            entries = [{"Id": one, "MessageBody": json.dumps({"answer": None, "n": one})} for one in names]
            assert not own.sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(4)))

    def processed() -> set[str]:
        lines = (json.loads(line.partition(" ")[2]) for line in messages(reader, "BATCH"))
        return {json.loads(body)["n"] for line in lines for body in line}

    eventually(lambda: len(processed()), equals=800, timeout=60)
