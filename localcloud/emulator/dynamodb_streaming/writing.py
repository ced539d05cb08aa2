"""Writes change records to a stream: later when its key cannot be used, twice or out of turn when a fault says so.

DynamoDB goes on trying for 24 hours; here what waits is bounded by memory.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds_using-shards-and-metrics.html
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.emulator import faults, kinesis
from localcloud.emulator.access.authorization import Session, root
from localcloud.emulator.access.keys import KmsError
from localcloud.emulator.key_use.streams import require_stream_key
from localcloud.emulator.kinesis.streams import put
from localcloud.emulator.request_gate import current_data

logger = logging.getLogger(__name__)

# The service-linked role that writes; its managed policy allows kms:GenerateDataKey on every key that lets it.
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/DynamoDBKinesisReplicationServiceRolePolicy.html
_ROLE = "AWSServiceRoleForDynamoDBKinesisDataStreamsReplication"
_ROLE_PATH = "aws-service-role/kinesisreplication.dynamodb.amazonaws.com"

# How long a record that is to be reordered may be held back, in seconds, and how many at a time.
LONGEST_HOLD_S = 0.5
MAX_HELD = 100

# How often a stream that could not be written is tried again, and how many records may wait for it.
RETRY_S = 0.5
MAX_WAITING = 20_000
_DRAINED_AT_ONCE = 500

_lock = threading.Lock()
_timers: set[threading.Timer] = set()
_held = 0
_waiting: dict[str, deque[tuple[str, bytes]]] = {}
# The request whose changes were written last, by its parameters, and what was found in it of streams' keys.
_asked: tuple[Mapping[str, Any], dict[str, bool]] = ({}, {})


def write(stream_arn: str, key: str, data: bytes) -> None:
    """Write a record, in the order of the calls. A stream that does not exist any more gets nothing."""
    account_id = stream_arn.split(":")[4]
    if faults.due("duplicate", account_id, "kinesis", "PutRecords", stream_arn) is not None:
        _append(stream_arn, key, data)
    reorder = faults.due("reorder", account_id, "kinesis", "PutRecords", stream_arn)
    if reorder is None or not _hold(stream_arn, key, data, reorder.random.uniform(0.05, LONGEST_HOLD_S)):
        _append(stream_arn, key, data)


def _append(stream_arn: str, key: str, data: bytes) -> None:
    with _lock:
        queue = _waiting.get(stream_arn)
        if queue is None and _may_write(stream_arn):
            _put(stream_arn, key, data)
            return
        if queue is None:
            queue = _waiting[stream_arn] = deque()
            _later(RETRY_S, lambda: _drain(stream_arn))
        if len(queue) < MAX_WAITING:
            queue.append((key, data))
        else:
            logger.warning("A change record for %s is lost: %d are waiting for it already.", stream_arn, MAX_WAITING)


def _drain(stream_arn: str) -> None:
    """Write what waits for a stream, if it can be written now; else try again later."""
    while True:
        with _lock:
            queue = _waiting.get(stream_arn)
            if queue is None:
                return
            if not _may_write(stream_arn):
                _later(RETRY_S, lambda: _drain(stream_arn))
                return
            for _ in range(min(len(queue), _DRAINED_AT_ONCE)):
                _put(stream_arn, *queue.popleft())
            if not queue:
                del _waiting[stream_arn]


def _put(stream_arn: str, key: str, data: bytes) -> None:
    try:
        put(stream_arn, key, data)
    except kinesis.StreamNotFoundError:
        return


def _may_write(stream_arn: str) -> bool:
    """Whether DynamoDB's role may use the key of the stream: asked once for all changes of a request."""
    global _asked
    request = current_data()
    if not request:
        return _key_lets_write(stream_arn)
    if _asked[0] is not request:
        _asked = (request, {})
    answers = _asked[1]
    if stream_arn not in answers:
        answers[stream_arn] = _key_lets_write(stream_arn)
    return answers[stream_arn]


def _key_lets_write(stream_arn: str) -> bool:
    """The key's policy has to let it, by naming the role or by leaving it to the account's IAM policies."""
    account_id = stream_arn.split(":")[4]
    session_arn = f"arn:aws:sts::{account_id}:assumed-role/{_ROLE}/DynamoDB"
    role = Session(session_arn, account_id, f"arn:aws:iam::{account_id}:role/{_ROLE_PATH}/{_ROLE}")
    for session in (root(account_id), role):
        try:
            require_stream_key(session, stream_arn, "kms:GenerateDataKey")
        except KmsError:
            continue
        return True
    return False


def _hold(stream_arn: str, key: str, data: bytes, hold_s: float) -> bool:
    """Write a record later, so that others overtake it; False when too many are held back already."""
    global _held

    def release() -> None:
        global _held
        with _lock:
            _held -= 1
        _append(stream_arn, key, data)

    with _lock:
        if _held >= MAX_HELD:
            return False
        _held += 1
        _later(hold_s, release)
    return True


def _later(delay_s: float, action: Callable[[], None]) -> None:
    """Run an action on a thread of its own, unless the local cloud is reset before. Called with the lock."""

    def run() -> None:
        with _lock:
            if timer not in _timers:
                return
            _timers.discard(timer)
        action()

    timer = threading.Timer(delay_s, run)
    timer.daemon = True
    _timers.add(timer)
    timer.start()


def forget() -> None:
    """Write nothing of what waits: the local cloud is reset."""
    global _held
    with _lock:
        timers = list(_timers)
        _timers.clear()
        _waiting.clear()
        _held = 0
    for timer in timers:
        timer.cancel()
