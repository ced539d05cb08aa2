"""Event source mappings of Kinesis streams, enhanced fan-out consumers, DynamoDB streams and queues, with every rule
of AWS's pollers.

`api` answers the mapping API, `engine` holds the mappings at work, `mapping` starts shards, `lanes` read and send
them; what a failed batch does next is decided in `attempts` and `responses`. Of queues, `queue_mappings`
has what the API asks and shows, `queue_reading` reads them, and `queue_batches` knows what an answer means.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

import threading

from localcloud.emulator.resetting import on_reset


def install() -> None:
    """Put the engine in the place of the emulator's poller."""
    from localcloud.emulator.event_sources import api, engine, pauses

    api.install()
    pauses.install()
    on_reset(engine.stop_all)
    threading.Thread(target=engine.poll_for_ever, name="polling", daemon=True).start()
