"""Sends records to Firehose. https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html"""

from __future__ import annotations

from collections.abc import Sequence

from handlers.shared.clients import Renewable
from handlers.shared.ordered import Entry

__all__ = ["Delivery"]


class Delivery:
    """Puts records into the delivery stream `name`."""

    def __init__(self, client: Renewable, name: str) -> None:
        self._client = client
        self._name = name

    def send(self, batch: Sequence[Entry]) -> list[Entry]:
        """Puts the batch in one call and returns the entries that Firehose did not take. Raises what botocore raises.

        The reply has one element per record, in the order of the request; those with an ErrorCode were not taken.
        """
        records = [{"Data": entry.body} for entry in batch]
        with self._client.using() as firehose:
            response = firehose.put_record_batch(DeliveryStreamName=self._name, Records=records)
        if not response["FailedPutCount"]:
            return []
        return [
            entry for entry, reply in zip(batch, response["RequestResponses"], strict=True) if reply.get("ErrorCode")
        ]
