"""Asynchronous invocations: events that wait in Lambda's own queue, are tried again, and are not lost when they fail.

`settings` are a function's choices, `attempts` decides what follows from an attempt, `events` are the events at work,
`records` what is told about one that ended, `destinations` where that goes, `permissions` whether it may,
`configuring` how it is chosen.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

from localcloud.emulator.asynchronous import configuring, events, permissions
from localcloud.emulator.asynchronous.events import invoke

__all__ = ["install", "invoke"]


def install() -> None:
    """Serve the asynchronous invocations of the API, S3, EventBridge and IoT rules; SNS calls `invoke` itself."""
    events.install()
    permissions.install()
    configuring.install()  # after what may refuse the same requests
