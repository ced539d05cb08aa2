"""How large the functions are, how long they take to import, and how much memory a large batch needs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.handlers.alone import show
from benchmarks.handlers.workload import ENVIRONMENT, RECORDS
from benchmarks.results import Result

PROJECT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in PROJECT.glob("handlers/*/main.py"))

ZIP_LIMIT_KB = 60
IMPORT_LIMIT_MS = 40
MEMORY_LIMIT_MB = 128
IMPORT_ROUNDS = 11

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
    for function in FUNCTIONS:
        size_kb = len(zipped(function)) / 1000
        yield _limit(f"zip of {function}", ZIP_LIMIT_KB, size_kb, "kB")
    for function in FUNCTIONS:
        yield _limit(f"import of {function} beyond boto3", IMPORT_LIMIT_MS, _import_ms(function), "ms")
    peak_mb = _python(_BATCH.format(records=RECORDS), PROJECT)
    yield _limit(f"copier's peak with {RECORDS:,} records", MEMORY_LIMIT_MB, peak_mb, "MB")


def zipped(function: str) -> bytes:
    """The function's zip as the components lay it out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for pattern in ("handlers/__init__.py", f"handlers/{function}/*.py", "handlers/shared/*.py"):
            for path in sorted(PROJECT.glob(pattern)):
                archive.write(path, path.relative_to(PROJECT).as_posix())
    return buffer.getvalue()


def _import_ms(function: str) -> float:
    """The least processor time of several imports of the zip's files, without byte code as in a new sandbox."""
    with TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(zipped(function))).extractall(folder)
        return min(_python(_IMPORT.format(function=function), Path(folder)) for _ in range(IMPORT_ROUNDS))


def _limit(name: str, limit: float, measured: float, unit: str) -> Result:
    return Result(name, "limit", "ours", baseline=limit, ours=measured, at_least=1, unit=unit)


def _python(program: str, folder: Path) -> float:
    """The number that a program prints last, run by a Python of its own that writes no byte code."""
    finished = subprocess.run(
        [sys.executable, "-B", "-c", program],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **ENVIRONMENT},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    number: float = json.loads(finished.stdout.splitlines()[-1])
    return number


if __name__ == "__main__":
    raise SystemExit(show(run(), "handlers-footprint"))
