"""Enforces capacity while a `throughput` fault rule asks for it: provisioned units of tables, limits of shards."""

from localcloud.emulator import faults
from localcloud.emulator.throughput import shards, tables


def install() -> None:
    faults.LIMITERS["dynamodb"] = tables.limited
    faults.LIMITERS["kinesis"] = shards.limited
