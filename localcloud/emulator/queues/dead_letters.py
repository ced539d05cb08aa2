"""Where messages go that were received too often, and ListDeadLetterSourceQueues.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from ministack.core.concurrency import esm_wake

from localcloud.emulator.patching import replaces
from localcloud.emulator.queues.receiving import take_out

Queue = dict[str, Any]
MAX_RESULTS = 1000


def target_of(queue: Queue) -> tuple[str, int] | None:
    """The ARN of a queue's dead-letter queue and the receives that a message may have, None without one."""
    policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
    if not isinstance(policy, dict) or not policy.get("deadLetterTargetArn"):
        return None
    return str(policy["deadLetterTargetArn"]), int(policy["maxReceiveCount"])


def sources_of(dead_letter_queue_arn: str) -> Iterator[Queue]:
    """The queues of the same account and Region whose messages end in this queue."""
    from ministack.services import sqs

    for queue in sqs._queues.values():
        if (target_of(queue) or ("", 0))[0] == dead_letter_queue_arn:
            yield queue


def sweep(_original: object, queue: Queue) -> None:
    """Move what has been received too often and is not in flight.

    The message keeps its id; in a FIFO queue it is stored as of now.
    """
    from ministack.services import sqs

    target = target_of(queue)
    dead_letter_queue = sqs._queue_by_arn(target[0]) if target else None
    if target is None or dead_letter_queue is None:
        return
    now = time.time()
    done = [one for one in queue["messages"] if one["receive_count"] >= target[1] and one["visible_at"] <= now]
    for one in done:
        system = {"DeadLetterQueueSourceArn": queue["attributes"]["QueueArn"], **one["sys"]}
        moved = {**one, "receipt_handle": None, "visible_at": now, "sys": system}
        dead_letter_queue["messages"].append(moved | ({"enqueued_at": now} if dead_letter_queue["is_fifo"] else {}))
        esm_wake.set()
    take_out(queue, done)


def _list_sources(data: dict[str, Any], url: str) -> dict[str, Any]:
    """The answer's member is `queueUrls`, as in the API's model."""
    from ministack.services import sqs

    queue = sqs._get_q(data.get("QueueUrl", url), "sqs:ListDeadLetterSourceQueues")
    urls = [sqs._externalize_url(source["url"]) for source in sources_of(queue["attributes"]["QueueArn"])]
    start, most = int(data.get("NextToken") or 0), int(data.get("MaxResults") or MAX_RESULTS)
    more = {"NextToken": str(start + most)} if data.get("MaxResults") and start + most < len(urls) else {}
    return {"queueUrls": urls[start : start + most], **more}


def install() -> None:
    from ministack.services import sqs

    replaces("ministack.services.sqs", "_dlq_sweep", source="6a77691e1671")(sweep)
    sqs._HANDLERS["ListDeadLetterSourceQueues"] = _list_sources
