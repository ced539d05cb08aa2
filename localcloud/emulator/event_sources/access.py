"""Whether the function's execution role may read the source, asked for every read.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html and
…/services-dynamodb-eventsourcemapping.html (execution role permissions, cross-account mappings); keys:
https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
"""

import time
from collections.abc import Callable
from typing import Any

from ministack.core.arn import parse_arn

from localcloud.emulator import faults
from localcloud.emulator.access.authorization import AccessDenied, Session, assume, require
from localcloud.emulator.access.keys import KmsError
from localcloud.emulator.event_sources.sources import stream_of_consumer
from localcloud.emulator.key_use.asking import require_key
from localcloud.emulator.key_use.streams import require_stream_key

LAMBDA = "lambda.amazonaws.com"
# A role is assumed again this often, as Lambda's credentials are renewed; its policies are asked at every read.
SESSION_LIFE_S = 5.0

# What is needed on the stream itself, by kind of source.
_ON_STREAM = {
    "stream": ("DescribeStream", "DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords"),
    "consumer": ("DescribeStream", "DescribeStreamSummary", "ListShards"),
    "table": ("DescribeStream", "GetShardIterator", "GetRecords", "ListStreams"),
}


# The service whose faults a read meets.
_FAULTY = {"kinesis": "kinesis", "dynamodb": "dynamodbstreams"}


class CannotReadError(Exception):
    """The execution role may not read the source; the message says why."""


class Reader:
    """The execution role of one mapping's function, as the reader of one event source."""

    def __init__(self, source_arn: str, function_arn: str, role_arn: Callable[[], str]) -> None:
        self._arn = source_arn
        self._stream_arn = stream_of_consumer(source_arn) or source_arn
        self._function_arn = function_arn
        self._role_arn = role_arn
        self._spec = parse_arn(source_arn)
        self._session: tuple[float, str, Session] | None = None

    def require_all(self) -> None:
        """Raise CannotReadError unless the role may do everything that a mapping does with its source."""
        if self._spec.service == "dynamodb":
            same_account = self._spec.account_id == self._function_arn.split(":")[4]
            # Listing streams is asked in one's own account only.
            actions = [action for action in _ON_STREAM["table"] if same_account or action != "ListStreams"]
        else:
            actions = list(_ON_STREAM["consumer" if self._is_consumer else "stream"])
        try:
            for action in actions:
                require(self._as_role(), f"{self._spec.service}:{action}", self._stream_arn, region=self._spec.region)
        except AccessDenied as denied:
            raise CannotReadError(
                f"Cannot access stream {self._arn}. Please ensure the role can perform the {', '.join(actions)} "
                "Actions on "
                f"your stream in IAM. {denied}"
            ) from None
        self.require_read()

    def require_read(self) -> None:
        """Raise CannotReadError unless the role may read now: the action, and the key of an encrypted source."""
        try:
            session = self._as_role()
            operation = "SubscribeToShard" if self._is_consumer else "GetRecords"
            require(session, f"{self._spec.service}:{operation}", self._arn, region=self._spec.region)
            self._require_key(session)
            faults.check(session.account_id, _FAULTY[self._spec.service], operation, self._arn)
        except (AccessDenied, KmsError, faults.InjectedFaultError) as denied:
            raise CannotReadError(f"Cannot access stream {self._arn}. {denied}") from None

    @property
    def _is_consumer(self) -> bool:
        return self._stream_arn != self._arn

    def _as_role(self) -> Session:
        role_arn, now = self._role_arn(), time.monotonic()
        if self._session is None or self._session[1] != role_arn or self._session[0] < now:
            name = self._function_arn.split(":")[6]
            session = assume(role_arn, LAMBDA, name, self._function_arn)
            self._session = (now + SESSION_LIFE_S, role_arn, session)
        return self._session[2]

    def _require_key(self, session: Session) -> None:
        if self._spec.service == "kinesis":
            require_stream_key(session, self._stream_arn, "kms:Decrypt")
            return
        key = _table_key(self._spec.account_id, self._spec.region, self._spec.resource.split("/")[1])
        if key is not None:
            require_key(session, key, "kms:Decrypt", self._spec.region, via="dynamodb")


def _table_key(account_id: str, region: str, name: str) -> str | None:
    from ministack.services import dynamodb

    table: dict[str, Any] = dynamodb._tables.get_scoped(account_id, region, name) or {}
    description = table.get("SSEDescription") or {}
    return description.get("KMSMasterKeyArn") if description.get("Status") == "ENABLED" else None
