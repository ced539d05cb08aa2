"""Batches in the Query protocol of which a part fails: SNS PublishBatch, whose entries are numbered form fields.

https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
"""

import random
import re
from urllib.parse import parse_qsl, urlencode

OPERATIONS = frozenset({("sns", "PublishBatch")})

_ENTRY = re.compile(r"PublishBatchRequestEntries\.(?:member|entry)\.(\d+)\.(.+)")
_FAILED = re.compile(rb"<Failed\s*/>|<Failed>(.*?)</Failed>", re.DOTALL)


def split(body: bytes, share: float, generator: random.Random) -> tuple[bytes | None, list[str]]:
    """Divide a request's form.

    Returns the form to forward (None: no entry is left) and the Ids of the entries held back.
    """
    fields: list[tuple[str, str]] = []
    entries: dict[int, list[tuple[str, str]]] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        match = _ENTRY.fullmatch(name)
        if match:
            entries.setdefault(int(match[1]), []).append((match[2], value))
        else:
            fields.append((name, value))
    held = [number for number in sorted(entries) if generator.random() < share]
    kept = [entry for number, entry in sorted(entries.items()) if number not in held]
    for number, entry in enumerate(kept, 1):
        fields.extend((f"PublishBatchRequestEntries.member.{number}.{name}", value) for name, value in entry)
    ids = [dict(entries[number]).get("Id", "") for number in held]
    return (urlencode(fields).encode() if kept else None), ids


def complete(reply: bytes, ids: list[str]) -> bytes:
    """Name the entries held back among the failed ones of an answer."""
    failed = "".join(
        f"<member><Id>{one}</Id><Code>InternalError</Code><Message>Internal error</Message>"
        "<SenderFault>false</SenderFault></member>"
        for one in ids
    ).encode()
    return _FAILED.sub(lambda found: b"<Failed>" + (found[1] or b"") + failed + b"</Failed>", reply, count=1)
