"""SQS as AWS does it: what is sent, in which order it is received, receipt handles, dead letters.

`messages` says what is refused and how large a message is, `sending` puts messages into queues for the API and for
other services, `receiving` takes them out and knows their receipt handles, `deleting` what a handle can be used for,
`dead_letters` and `moving` where messages go that nobody could process, and how they come back. The mappings that
read queues are beside those of streams, in `event_sources`.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html
"""

from localcloud.emulator.queues import dead_letters, deleting, moving, receiving, sending


def install() -> None:
    """Put every rule in place."""
    for module in (sending, receiving, deleting, dead_letters, moving):
        module.install()
