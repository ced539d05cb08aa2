"""Runs a plugin that is written in Python, such as components served to programs in other languages.

The engine talks to the plugin through a port that the plugin prints; what it prints is passed on as it comes.
"""

import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from localcloud.engine.protocol import language_pb2

BLOCK_BYTES = 64 * 1024


def run_plugin(request: Any, context: Any, python: str) -> Iterator[Any]:
    """Runs the plugin of a RunPluginRequest; yields the RunPluginResponses, of which the last holds its exit code."""
    program = Path(request.info.program_directory) / (request.info.entry_point or ".")
    with subprocess.Popen(
        [python, str(program), *request.args],
        cwd=request.pwd,
        env=dict(variable.partition("=")[::2] for variable in request.env) or None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as plugin:
        context.add_callback(plugin.terminate)
        outputs: queue.Queue[Any] = queue.Queue()
        readers = [
            threading.Thread(target=_pass_on, args=(plugin.stdout, _standard_output, outputs), daemon=True),
            threading.Thread(target=_pass_on, args=(plugin.stderr, _standard_error, outputs), daemon=True),
        ]
        for reader in readers:
            reader.start()
        open_pipes = len(readers)
        while open_pipes:
            output = outputs.get()
            if output is None:
                open_pipes -= 1
            else:
                yield output
    yield language_pb2.RunPluginResponse(exitcode=plugin.returncode)


def _pass_on(pipe: IO[bytes], message: Callable[[bytes], Any], outputs: "queue.Queue[Any]") -> None:
    while block := os.read(pipe.fileno(), BLOCK_BYTES):
        outputs.put(message(block))
    outputs.put(None)


def _standard_output(block: bytes) -> Any:
    return language_pb2.RunPluginResponse(stdout=block)


def _standard_error(block: bytes) -> Any:
    return language_pb2.RunPluginResponse(stderr=block)
