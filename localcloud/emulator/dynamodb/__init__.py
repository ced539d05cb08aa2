"""What DynamoDB does besides its API calls: items expire into the stream, tables are exported to S3, capacity runs out.

Each module names the page that it follows. Capacity is enforced while a `throughput` fault rule says so.
"""

from localcloud.emulator.dynamodb import batch_writing, consumed_writes, expiry, export, key_numbers, scanning, values


def install() -> None:
    values.install()
    key_numbers.install()
    batch_writing.install()
    expiry.install()
    consumed_writes.install()
    export.install()
    scanning.install()
