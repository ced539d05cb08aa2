"""What a MultiLangDaemon of the Kinesis Client Library starts for each of its leases: it takes down what it is told.

A line of JSON for each thing goes to OUTPUT_FILE. It is run by the library, with the library's own Python package:
https://github.com/awslabs/amazon-kinesis-client-python
"""

import json
import os
from typing import Any

from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor


class Recorder(processor.RecordProcessorBase):
    """Checkpoints after each batch, and at a shard's end, without which the leases of its children stay closed."""

    def initialize(self, initialize_input: Any) -> None:
        self._shard_id = initialize_input.shard_id
        self._note("leased")

    def process_records(self, process_records_input: Any) -> None:
        for record in process_records_input.records:
            self._note(
                "record",
                sequence_number=record.sequence_number,
                sub_sequence_number=record.sub_sequence_number,
                key=record.partition_key,
                data=record.binary_data.decode(),
            )
        if process_records_input.records:
            process_records_input.checkpointer.checkpoint()

    def lease_lost(self, lease_lost_input: Any) -> None:
        self._note("lost")

    def shard_ended(self, shard_ended_input: Any) -> None:
        # Before the checkpoint, which lets the children begin.
        self._note("ended")
        shard_ended_input.checkpointer.checkpoint()

    def shutdown_requested(self, shutdown_requested_input: Any) -> None:
        shutdown_requested_input.checkpointer.checkpoint()
        self._note("stopped")

    def _note(self, what: str, **fields: Any) -> None:
        line = {"worker": os.environ["WORKER"], "what": what, "shard": self._shard_id, **fields}
        # One write to a file opened for appending: processes share the file.
        file = os.open(os.environ["OUTPUT_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, json.dumps(line).encode() + b"\n")
        os.close(file)


if __name__ == "__main__":
    kcl.KCLProcess(Recorder()).run()
