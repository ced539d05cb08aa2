"""What a new sandbox begins with: a function's zip, and the time that its imports take."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.handlers.workload import ENVIRONMENT
from benchmarks.results import Result
from components.code import FunctionCode
from integration_tests.support.function_code import files_of

IMPORT_ROUNDS = 11


def zipped(code: FunctionCode) -> bytes:
    """The function's zip as the components lay it out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files_of(code).items():
            file.writestr(name, content)
    return buffer.getvalue()


def import_ms(content: bytes, program: str) -> float:
    """The least processor time of several imports of a zip's files, without byte code as in a new sandbox.

    `program` prints it in milliseconds.
    """
    with TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
        return min(printed(program, Path(folder)) for _ in range(IMPORT_ROUNDS))


def printed(program: str, folder: Path) -> float:
    """The number that a program prints last, run by a Python of its own that writes no byte code."""
    finished = subprocess.run(
        [sys.executable, "-B", "-c", program],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **ENVIRONMENT},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(finished.stdout.split()[-1])


def limit(name: str, allowed: float, measured: float, unit: str) -> Result:
    """A measure that may be as large as allowed."""
    return Result(name, "limit", "ours", baseline=allowed, ours=measured, at_least=1, unit=unit)
