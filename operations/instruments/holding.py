"""Stops and restarts the replication: what is written to the source meanwhile waits in its stream, for 24 hours.

A disabled mapping keeps its place and goes on from there.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from operations.errors import OperationError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

POLL_S = 0.25
LONGEST_S = 180.0
ON, OFF = "Enabled", "Disabled"


def state(lambda_: "LambdaClient", mapping_id: str) -> str:
    """The mapping's state: Enabled, Disabled, or on its way to another."""
    return lambda_.get_event_source_mapping(UUID=mapping_id)["State"]


def pause(lambda_: "LambdaClient", mapping_id: str) -> None:
    """Disable the mapping, and wait until it reads no more. Raises OperationError when that takes three minutes."""
    _switch(lambda_, mapping_id, OFF)


def resume(lambda_: "LambdaClient", mapping_id: str) -> None:
    """Enable the mapping, and wait until it is. Raises OperationError when that takes three minutes."""
    _switch(lambda_, mapping_id, ON)


@contextmanager
def held(lambda_: "LambdaClient", mapping_id: str, *, resume_after: bool | None = None) -> Iterator[None]:
    """Hold the mapping while the block runs, and enable it afterwards, also after an error.

    One that was paused before stays paused, unless `resume_after` says otherwise. Raises OperationError.
    """
    was_on = resume_after if resume_after is not None else state(lambda_, mapping_id) not in (OFF, "Disabling")
    pause(lambda_, mapping_id)
    try:
        yield
    finally:
        if was_on:
            resume(lambda_, mapping_id)


def _switch(lambda_: "LambdaClient", mapping_id: str, wanted: str) -> None:
    deadline = time.monotonic() + LONGEST_S
    asked = False
    while (found := state(lambda_, mapping_id)) != wanted:
        if time.monotonic() > deadline:
            raise OperationError(
                f"mapping {mapping_id} is still {found} after {LONGEST_S:.0f} s. Try again when "
                f"`aws lambda get-event-source-mapping --uuid {mapping_id}` shows Enabled or Disabled."
            )
        # A mapping that is changing refuses another change: ResourceInUseException.
        if not asked and found in (ON, OFF):
            lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=wanted == ON)
            asked = True
        time.sleep(POLL_S)
