"""The forwarder's environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.firehose_forwarder.packing import MAX_RECORD_BYTES
from handlers.shared.settings import failure_bucket, required, whole_number

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """See handlers/README.md for the variables. `pack_bytes` is how large a Firehose record of several lines may be;
    0 gives every line a record of its own."""

    delivery_stream: str
    pack_bytes: int
    failure_bucket: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError."""
        return cls(
            delivery_stream=required(environment, "DELIVERY_STREAM", "the name of the Firehose delivery stream"),
            pack_bytes=whole_number(environment, "PACK_BYTES", 0, lowest=0, highest=MAX_RECORD_BYTES),
            failure_bucket=failure_bucket(environment),
        )
