"""DynamoDB Streams of the local cloud: a table's stream in shards that roll over and split, and reading them.

`shards` says what a shard is: a view of the log of changes that the emulator keeps for a table. `log` finds that log
and its shards, for the API and for event source mappings, `change_records` makes its records and tells readers; `api`
answers DescribeStream, GetShardIterator and
GetRecords; `resharding` rolls and splits shards when it is asked to.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""


def install() -> None:
    """Put the API over shards in the emulator's place, and offer resharding."""
    from localcloud.emulator.table_streams import api, change_records, resharding

    change_records.install()
    api.install()
    resharding.install()
