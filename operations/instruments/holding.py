"""Stops and restarts the reading of streams: what is written meanwhile waits in them, for as long as they keep it.

A disabled mapping keeps its place and goes on from there.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operations.errors import OperationError, StillHeldError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

POLL_S = 0.25
LONGEST_S = 180.0
ON, OFF = "Enabled", "Disabled"
HELD_PREFIX = "held/"


@dataclass(frozen=True)
class Notes:
    """Which mappings an operation holds, noted in an on-failure bucket: one that was killed left them held.

    The next operation, or `tributary resume`, lets them go on; whoever pauses a mapping by name takes it over.
    """

    s3: "S3Client"
    bucket: str

    def has(self, mapping_id: str) -> bool:
        """Whether an operation that did not come to its end holds the mapping."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self._key(mapping_id))
        return bool(found.get("Contents"))

    def write(self, mapping_id: str) -> None:
        """Note that an operation holds the mapping, and lets it go on at its end."""
        self.s3.put_object(Bucket=self.bucket, Key=self._key(mapping_id), Body=b"held by an operation; see holding.py")

    def remove(self, mapping_id: str) -> None:
        """The mapping is as somebody wants it."""
        self.s3.delete_object(Bucket=self.bucket, Key=self._key(mapping_id))

    def _key(self, mapping_id: str) -> str:
        return f"{HELD_PREFIX}{mapping_id}"


def state(lambda_: "LambdaClient", mapping_id: str) -> str:
    """The mapping's state: Enabled, Disabled, or on its way to another."""
    return lambda_.get_event_source_mapping(UUID=mapping_id)["State"]


def is_on(lambda_: "LambdaClient", mapping_id: str) -> bool:
    """Whether the mapping reads, or is about to."""
    return state(lambda_, mapping_id) not in (OFF, "Disabling")


def pause(lambda_: "LambdaClient", *mapping_ids: str) -> None:
    """Disable mappings, and wait until they read no more. Raises OperationError when that takes three minutes."""
    _switch(lambda_, mapping_ids, OFF)


def resume(lambda_: "LambdaClient", *mapping_ids: str) -> None:
    """Enable mappings, and wait until they are. Raises OperationError when that takes three minutes."""
    _switch(lambda_, mapping_ids, ON)


@contextmanager
def held(
    lambda_: "LambdaClient", *mapping_ids: str, resume_after: bool | None = None, notes: Notes | None = None
) -> Iterator[None]:
    """Hold mappings while the block runs, and enable them afterwards, also after an error.

    Those that were paused before stay paused, unless `resume_after` says otherwise or `notes` have them from an
    operation that was killed. Raises OperationError; StillHeldError when they cannot be enabled afterwards.
    """
    resumed = [one for one in mapping_ids if _goes_on(lambda_, one, resume_after, notes)]
    if notes is not None:
        for one in resumed:
            notes.write(one)
    try:
        pause(lambda_, *mapping_ids)
        yield
    except BaseException as error:
        _let_go(lambda_, resumed, notes, f"{error} " if str(error) else "")
        raise
    _let_go(lambda_, resumed, notes, "")


def _let_go(lambda_: "LambdaClient", mapping_ids: Sequence[str], notes: Notes | None, before: str) -> None:
    """Enable what was held. Raises StillHeldError, which says `before` first, when that fails or is interrupted."""
    try:
        resume(lambda_, *mapping_ids)
        if notes is not None:
            for one in mapping_ids:
                notes.remove(one)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        why = str(error) or "it was interrupted"
        raise StillHeldError(f"{before}Mapping {' and '.join(mapping_ids)} could not be enabled: {why}.") from error


def _goes_on(lambda_: "LambdaClient", mapping_id: str, resume_after: bool | None, notes: Notes | None) -> bool:
    if resume_after is not None:
        return resume_after
    return is_on(lambda_, mapping_id) or (notes is not None and notes.has(mapping_id))


def _switch(lambda_: "LambdaClient", mapping_ids: Sequence[str], wanted: str) -> None:
    deadline = time.monotonic() + LONGEST_S
    waiting, asked = list(mapping_ids), set[str]()
    while waiting:
        found = {one: state(lambda_, one) for one in waiting}
        waiting = [one for one in waiting if found[one] != wanted]
        if waiting and time.monotonic() > deadline:
            raise OperationError(
                f"mapping {waiting[0]} is still {found[waiting[0]]} after {LONGEST_S:.0f} s. Try again when "
                f"`aws lambda get-event-source-mapping --uuid {waiting[0]}` shows Enabled or Disabled."
            )
        for one in waiting:
            # A mapping that is changing refuses another change: ResourceInUseException.
            if one not in asked and found[one] in (ON, OFF):
                lambda_.update_event_source_mapping(UUID=one, Enabled=wanted == ON)
                asked.add(one)
        if waiting:
            time.sleep(POLL_S)
