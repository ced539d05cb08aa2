"""The table of what is added to the emulator, in the order in which it is put in place."""

import importlib

# Each is a module with `install()`. The order matters only where one addition calls another's replacement.
ADDITIONS: tuple[str, ...] = (
    "resetting",
    "connections",
    "eventloop",
    "model_checks",  # before other checks of a request
    "cloudwatch",
    "kinesis",
    "event_sources",
    "table_streams",
    "dynamodb_streaming",
    "dynamodb",
    "firehose",
    "athena",
    "sandbox",
    "asynchronous",
    "queues",
    "topics",
    "iot",
    "data_planes",
    "step_functions",
    "access",
    "key_use",
    "function_limits",
    "networks",
    "resource_quotas",
    "bucket_metrics",
    "request_gate",  # after every addition that registers a check
    "throughput",
    "faults",  # its handlers wrap all others
    "bucket_metrics.requests",  # around everything that answers for S3
    "cloudwatch.form_clients",  # in front of everything that reads a request to CloudWatch
    "kinesis.cbor_clients",  # in front of everything that reads a request or answers one
    "endpoint",
)


def install_all() -> None:
    """Put every addition in place. Raises EmulatorChangedError when the emulator is not the pinned one."""
    for name in ADDITIONS:
        importlib.import_module(f"localcloud.emulator.{name}").install()
