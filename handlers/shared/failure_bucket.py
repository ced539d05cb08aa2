"""What a stream function keeps in its on-failure bucket: poison records, and how far it got inside a large record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from handlers.shared.clients import Renewable, create_client
from handlers.shared.errors import cause_of
from handlers.shared.places import POISON_PREFIX, PROGRESS_PREFIX, Place
from handlers.shared.poison import Poison

__all__ = ["FailureBucket"]

# A retry follows its attempt within minutes. Older progress may be of a time before somebody read the stream again.
PROGRESS_LASTS_S = 3600.0


class FailureBucket:
    """The bucket `name`; its client is made by `make_client` at the first use. Safe to use from several threads."""

    def __init__(self, name: str, make_client: Callable[[], Any] = lambda: create_client("s3", connections=4)) -> None:
        self._name = name
        self._client = Renewable(make_client)

    def keep(self, poison: Poison, place: Place, record: Mapping[str, Any]) -> None:
        """Store a poison record whole, in the form in which failed batches are read. Raises what botocore raises."""
        kept = {
            "payload": json.dumps({"Records": [record]}, ensure_ascii=False),
            "reason": poison.reason,
            "errorKind": poison.kind,
            "function": place.function,
            "source": place.source_arn,
            "shard": place.shard,
            "sequenceNumber": place.sequence_number,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        self._put(place.key(POISON_PREFIX, poison.part), kept)

    def progress(self, place: Place) -> int:
        """How many records of the aggregate at `place` are applied; 0 when that is not known, for whatever reason."""
        try:
            with self._client.using() as s3:
                found = s3.get_object(Bucket=self._name, Key=place.key(PROGRESS_PREFIX))
                saved: dict[str, Any] = json.loads(found["Body"].read())
            return int(saved["applied"]) if time.time() - saved["timeS"] < PROGRESS_LASTS_S else 0
        except (KeyError, TypeError, ValueError):
            return 0
        except Exception as error:
            cause_of(error)
            return 0

    def save_progress(self, place: Place, applied: int) -> None:
        """Remember that so many records of an aggregate are applied. Raises what botocore raises."""
        self._put(place.key(PROGRESS_PREFIX), {"applied": applied, "timeS": time.time()})

    def forget_progress(self, place: Place) -> None:
        """The aggregate is applied; when it is read again, all of it is meant. Raises what botocore raises."""
        with self._client.using() as s3:
            s3.delete_object(Bucket=self._name, Key=place.key(PROGRESS_PREFIX))

    def _put(self, key: str, content: Mapping[str, Any]) -> None:
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
        with self._client.using() as s3:
            s3.put_object(Bucket=self._name, Key=key, Body=body, ContentType="application/json")
