"""Batch operations of which a part fails: which items are held back, and how the answer names them.

A held-back item never reaches the service, so it is truly not written; the answer reports it as AWS does:
UnprocessedItems (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html),
FailedRecordCount (https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html), FailedPutCount
(https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html), Failed
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
"""

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
# Whether an item is held back: the table (or the list) that it belongs to, and the item.
Held = Callable[[str, Any], bool]


@dataclass(frozen=True)
class Batch:
    """How one batch operation is divided and its answer completed.

    `divide(request, held)` gives the request without the items that are `held`, and those items, or None when
    nothing would be left; `complete(answer, request, left_out)` puts them into the answer.
    """

    divide: Callable[[Json, Held], tuple[Json | None, Any]]
    complete: Callable[[Json, Json, Any], Json]


def split(batch: Batch, body: bytes, share: float, generator: random.Random) -> tuple[bytes | None, Json, Any]:
    """Divide a request's body.

    Returns the body to forward (None: nothing is left), the parsed request and what was held back.
    """
    request = json.loads(body)
    kept, left_out = batch.divide(request, lambda *_: generator.random() < share)
    return (None if kept is None else json.dumps(kept).encode()), request, left_out


def _divide_items(request: Json, held: Held) -> tuple[Json | None, Json]:
    kept, left_out = {}, {}
    for table, writes in request["RequestItems"].items():
        parts = _divided(table, writes, held)
        kept.update({table: parts[0]} if parts[0] else {})
        left_out.update({table: parts[1]} if parts[1] else {})
    return ({**request, "RequestItems": kept} if kept else None), left_out


def _divide_keys(request: Json, held: Held) -> tuple[Json | None, Json]:
    kept, left_out = {}, {}
    for table, wanted in request["RequestItems"].items():
        keys, others = _divided(table, wanted["Keys"], held)
        kept.update({table: {**wanted, "Keys": keys}} if keys else {})
        left_out.update({table: {**wanted, "Keys": others}} if others else {})
    return ({**request, "RequestItems": kept} if kept else None), left_out


def _divided(table: str, items: list[Any], held: Held) -> tuple[list[Any], list[Any]]:
    marks = [held(table, item) for item in items]
    return (
        [item for item, mark in zip(items, marks, strict=True) if not mark],
        [item for item, mark in zip(items, marks, strict=True) if mark],
    )


def _named(member: str) -> Callable[[Json, Json, Any], Json]:
    def complete(answer: Json, _request: Json, left_out: Json) -> Json:
        merged = copy.deepcopy(left_out)
        for table, more in (answer.get(member) or {}).items():
            if isinstance(more, list):
                merged[table] = [*merged.get(table, []), *more]
            else:
                merged[table] = {**more, "Keys": [*merged.get(table, {}).get("Keys", []), *more["Keys"]]}
        return {**answer, member: merged}

    return complete


def _divide_list(member: str) -> Callable[[Json, Held], tuple[Json | None, list[int]]]:
    def divide(request: Json, held: Held) -> tuple[Json | None, list[int]]:
        left_out = [index for index, item in enumerate(request[member]) if held(member, item)]
        kept = [item for index, item in enumerate(request[member]) if index not in left_out]
        return ({**request, member: kept} if kept else None), left_out

    return divide


def _in_order(member: str, answers: str, count: str, failure: Json) -> Callable[[Json, Json, Any], Json]:
    """Answers are a list in the order of the request; a failed one has an error in place of its identifiers."""

    def complete(answer: Json, request: Json, left_out: list[int]) -> Json:
        good = iter(answer.get(answers, []))
        merged = [failure if index in left_out else next(good) for index in range(len(request[member]))]
        return {**answer, answers: merged, count: answer.get(count, 0) + len(left_out)}

    return complete


def _failed_entries(member: str) -> Callable[[Json, Json, Any], Json]:
    def complete(answer: Json, request: Json, left_out: list[int]) -> Json:
        failed = [
            {
                "Id": request[member][index]["Id"],
                "SenderFault": False,
                "Code": "InternalError",
                "Message": "Internal error",
            }
            for index in left_out
        ]
        return {**answer, "Successful": answer.get("Successful", []), "Failed": [*answer.get("Failed", []), *failed]}

    return complete


_KINESIS = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard"}
_FIREHOSE = {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}

BATCHES: dict[tuple[str, str], Batch] = {
    ("dynamodb", "BatchWriteItem"): Batch(_divide_items, _named("UnprocessedItems")),
    ("dynamodb", "BatchGetItem"): Batch(_divide_keys, _named("UnprocessedKeys")),
    ("kinesis", "PutRecords"): Batch(
        _divide_list("Records"), _in_order("Records", "Records", "FailedRecordCount", _KINESIS)
    ),
    ("firehose", "PutRecordBatch"): Batch(
        _divide_list("Records"), _in_order("Records", "RequestResponses", "FailedPutCount", _FIREHOSE)
    ),
    ("sqs", "SendMessageBatch"): Batch(_divide_list("Entries"), _failed_entries("Entries")),
    ("sqs", "DeleteMessageBatch"): Batch(_divide_list("Entries"), _failed_entries("Entries")),
}
