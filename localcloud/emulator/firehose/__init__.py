"""Amazon Data Firehose with S3 as the destination, as AWS runs it.

Buffering by size and time, batched transformation, dynamic partitioning, format conversion, compression, error output,
source backup, retries, error log and metrics: https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html. What
a stream is set to stays in the emulator's own store; what it has to deliver is in `streams`.
"""

from localcloud.emulator.firehose import api, sources, streams
from localcloud.emulator.resetting import on_reset


def install() -> None:
    api.install()
    on_reset(sources.stop_all)
    on_reset(streams.forget_all)
