"""Runs one Pulumi program in a process of its own, on behalf of the language host.

A RunRequest arrives on standard input, after its length; the RunResponse leaves on the file descriptor named by the
first argument. The end of standard input says that the language host is gone. The program's own output goes to the
inherited standard output and error, which the engine shows. A fresh process for every run means that no module state
of a preview leaks into the update after it.

This file is executed by path with the interpreter of the program's virtual environment, so it imports nothing of this
project.
"""

import asyncio
import gc
import logging
import os
import runpy
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import grpc
import pulumi
from pulumi.runtime import reset_options, run_in_stack, set_all_config
from pulumi.runtime.proto import language_pb2

# The SDK waits for RPCs on executor threads: fewer threads than resources in flight would slow a deployment down.
THREADS_PER_PARALLEL_OPERATION = 4
DEFAULT_ORGANIZATION = "organization"
LENGTH_BYTES = 8  # as the language host writes it
# What a program imports stays: looking for garbage in it after every 700 objects takes a quarter of the program's time.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main(response_descriptor: int) -> None:
    """Answers the request on standard input."""
    # The terminal's ^C goes to the whole group; the engine decides what is cancelled and tells the language host.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    os.set_inheritable(response_descriptor, False)
    requests = detached_standard_input()
    message = requests.read(int.from_bytes(requests.read(LENGTH_BYTES)))
    if not message:
        return  # the language host ended before there was anything to run
    threading.Thread(target=end_with, args=(requests,), daemon=True).start()
    request = language_pb2.RunRequest()
    request.ParseFromString(message)
    response = run(request)
    sys.stdout.flush()
    sys.stderr.flush()
    with os.fdopen(response_descriptor, "wb") as channel:
        channel.write(response.SerializeToString())


def detached_standard_input() -> IO[bytes]:
    """The pipe from the language host, taken away from the program: its own standard input is empty."""
    pipe = os.fdopen(os.dup(0), "rb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return pipe


def end_with(requests: IO[bytes]) -> None:
    """Ends this process when the language host's end of the pipe is closed."""
    requests.read()
    os._exit(1)


def run(request: Any) -> Any:
    """Runs the program of a RunRequest to its end and returns the RunResponse.

    A failure is reported to the engine as an error of the stack, and `bail` tells the engine that this has been done.
    """
    reset_options(
        project=request.project,
        stack=request.stack,
        parallel=request.parallel,
        engine_address=request.args[0] if request.args else "",
        monitor_address=request.monitor_address,
        preview=request.dryRun,
        organization=request.organization or DEFAULT_ORGANIZATION,
        root_directory=request.info.root_directory,
    )
    set_all_config(dict(request.config), list(request.configSecretKeys))
    os.chdir(request.pwd)
    sys.path.insert(0, request.pwd)
    sys.argv = [program_path(request)]

    loop = asyncio.new_event_loop()
    workers = max(request.parallel, 1) * THREADS_PER_PARALLEL_OPERATION
    loop.set_default_executor(ThreadPoolExecutor(max_workers=workers))
    loop.set_exception_handler(stop_when_the_engine_is_gone)
    try:
        loop.run_until_complete(run_in_stack(lambda: execute(program_path(request))))
    except grpc.RpcError as error:
        # The engine that hangs up is shutting down: it has said why already.
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            return language_pb2.RunResponse()
        return failed(f"The engine refused a request of the program: {error.details()}")
    except pulumi.RunError as error:
        return failed(str(error))
    except SystemExit as exit_:
        if exit_.code in (None, 0):
            return language_pb2.RunResponse()
        return failed(f"The program ended itself with exit code {exit_.code}.")
    except BaseException as error:
        return failed(f"The program stopped with an exception:\n{readable(error)}")
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
    return language_pb2.RunResponse()


def program_path(request: Any) -> str:
    """The folder or file to execute."""
    return str(Path(request.info.program_directory) / (request.info.entry_point or "."))


def execute(path: str) -> None:
    """Executes the program as `python <path>` would, in this interpreter."""
    runpy.run_path(path, run_name="__main__")


def stop_when_the_engine_is_gone(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What the event loop does with an exception that nobody awaits."""
    if isinstance(context.get("exception"), grpc.RpcError):
        loop.stop()
    else:
        loop.default_exception_handler(context)


def readable(error: BaseException) -> str:
    """The traceback's frames that belong to the program: the others are this runner, the SDK and the event loop."""
    machinery = (
        __file__,
        "<frozen runpy>",
        runpy.__file__,
        str(Path(pulumi.__file__).parent),
        str(Path(asyncio.__file__).parent),
    )
    frames = traceback.extract_tb(error.__traceback__)
    program = [frame for frame in frames if not frame.filename.startswith(machinery)]
    return "".join(traceback.format_list(program or frames) + traceback.format_exception_only(error)).rstrip()


def failed(message: str) -> Any:
    """Reports the message and returns the response that says so."""
    pulumi.log.error(message)
    return language_pb2.RunResponse(bail=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
