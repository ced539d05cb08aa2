"""How large the functions are, how long they take to import, and how much memory a large batch needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.handlers.alone import show
from benchmarks.handlers.new_sandbox import import_ms, limit, printed, zipped
from benchmarks.handlers.workload import RECORDS
from benchmarks.results import Result
from components.code import FunctionCode, packaged_code

PROJECT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in PROJECT.glob("handlers/*/main.py"))
# What a component adds to a function's own package.
OTHERS: Mapping[str, Sequence[str]] = {"lake_exporter": ["lake_transformer"]}

ZIP_LIMIT_KB = 60
IMPORT_LIMIT_MS = 40
MEMORY_LIMIT_MB = 128

_IMPORT = """
import time
import boto3
began = time.process_time()
import handlers.{function}.main
print((time.process_time() - began) * 1000)
"""
_BATCH = """
import json
from benchmarks.handlers.workload import Context, answering_aws, kinesis_event
from benchmarks.memory import peak_mb
with answering_aws():
    from handlers.cross_account_copier.main import handler
    event = json.loads(json.dumps(kinesis_event({records})))
    assert handler(event, Context()) == {{"batchItemFailures": []}}
print(peak_mb())
"""


def run() -> Iterator[Result]:
    """Each measure against its limit."""
    zips = {function: zipped(code_of(function)) for function in FUNCTIONS}
    for function, content in zips.items():
        yield limit(f"zip of {function}", ZIP_LIMIT_KB, len(content) / 1000, "kB")
    for function, content in zips.items():
        milliseconds = import_ms(content, _IMPORT.format(function=function))
        yield limit(f"import of {function} beyond boto3", IMPORT_LIMIT_MS, milliseconds, "ms")
    peak_mb = printed(_BATCH.format(records=RECORDS), PROJECT)
    yield limit(f"copier's peak with {RECORDS:,} records", MEMORY_LIMIT_MB, peak_mb, "MB")


def code_of(function: str) -> FunctionCode:
    """What its component packs."""
    return packaged_code(function, *OTHERS.get(function, ()))


if __name__ == "__main__":
    raise SystemExit(show(run(), "handlers-footprint"))
