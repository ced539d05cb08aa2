"""What is peculiar to a shared stream's subscriber when a verb works on it."""

from operations import redriving
from operations.dialogue import Dialogue, Result
from operations.instances import Instance
from operations.instruments.failures import Record
from operations.instruments.redriving import Rule


def redrive(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Hand failed records to the function again, as they are.

    What a function does with a record nobody here knows. A stream has the records of one partition key in their order,
    so of those a later one waits for an earlier one that failed again; what came after them in the stream was handed
    over long ago.
    """
    return redriving.run(at, {one.name: Rule(changes=_partition_key) for one in at.functions()}, dialogue)


def _partition_key(record: Record) -> str:
    return str(record["kinesis"].get("partitionKey", ""))
