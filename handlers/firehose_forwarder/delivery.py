"""Sends records to Firehose. https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Sequence

from handlers.shared.clients import Renewable
from handlers.shared.ordered import Entry

__all__ = ["Delivery"]


class Delivery:
    """Puts records into the delivery stream `name`; `firehose` gives a JsonCalls of Firehose."""

    def __init__(self, firehose: Renewable, name: str) -> None:
        self._firehose = firehose
        self._start = b'{"DeliveryStreamName":%b,"Records":[' % json.dumps(name).encode()

    def send(self, batch: Sequence[Entry]) -> list[Entry]:
        """Puts the batch in one call and returns the entries that Firehose did not take. Raises what the call raises.

        The reply has one element per record, in the order of the request; those with an ErrorCode were not taken.
        """
        records = b",".join([b'{"Data":"%b"}' % b2a_base64(entry.body, newline=False) for entry in batch])
        with self._firehose.using() as firehose:
            response = firehose.call("PutRecordBatch", b"%b%b]}" % (self._start, records))
        if not response["FailedPutCount"]:
            return []
        return [
            entry for entry, reply in zip(batch, response["RequestResponses"], strict=True) if reply.get("ErrorCode")
        ]
