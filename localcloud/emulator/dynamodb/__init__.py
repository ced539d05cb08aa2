"""DynamoDB where the emulator differs: what an item may be, scans, PartiQL, items that expire into the stream, exports.

Each module names the page that it follows. Capacity is enforced while a `throughput` fault rule says so.
"""

from localcloud.emulator.dynamodb import (
    batch_writing,
    consumed_writes,
    expiry,
    export,
    key_numbers,
    key_sizes,
    partiql,
    request_values,
    scanning,
    table_creation,
    values,
)


def install() -> None:
    values.install()
    key_numbers.install()
    key_sizes.install()
    request_values.install()
    partiql.install()
    batch_writing.install()
    expiry.install()
    consumed_writes.install()
    export.install()
    scanning.install()
    table_creation.install()
