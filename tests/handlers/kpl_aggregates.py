"""Makes aggregates as the Kinesis Producer Library does, by AWS's own message classes."""

from __future__ import annotations

from hashlib import md5

from aws_kinesis_agg.deaggregator import messages_pb2

from handlers.shared.kpl import MAGIC

Given = list[tuple[str, str | None, bytes]]


def framed(message: bytes) -> bytes:
    return MAGIC + message + md5(message).digest()


def aggregate(records: Given, tags: bool = False) -> bytes:
    message = messages_pb2.AggregatedRecord()
    for key, hash_key, data in records:
        record = message.records.add(partition_key_index=len(message.partition_key_table), data=data)
        message.partition_key_table.append(key)
        if hash_key is not None:
            record.explicit_hash_key_index = len(message.explicit_hash_key_table)
            message.explicit_hash_key_table.append(hash_key)
        if tags:
            record.tags.add(key="a tag", value="x" * 200)
    return framed(message.SerializeToString())
