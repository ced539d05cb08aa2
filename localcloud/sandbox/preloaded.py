"""The process that sandboxes are forked from: Python with the AWS SDK imported, which is most of a cold start.

Started as a script with the standard library alone; it serves `forkserver` over a socket. A message carries a JSON
object (`init`, `root`, `environment`) and three descriptors: the sandbox's control socket, its log, and a pipe that
gets its exit status. What a sandbox finds imported is what the SDK imports; a module that the function brings itself
is imported anew, from the function.
"""

import atexit
import contextlib
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

STATUS = struct.Struct(">i")
# The emulator's own names.
DEPTH_VARIABLE = "_MINISTACK_INVOKE_DEPTH"
DEPTH_HEADER = "X-Ministack-Invoke-Depth"
MAX_MESSAGE_BYTES = 1 << 20
# Names of AWS's endpoints end so: https://docs.aws.amazon.com/general/latest/gr/rande.html
AWS_NAMES = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws")
PRELOADED = ("boto3", "botocore.config", "botocore.credentials", "botocore.httpsession", "boto3.dynamodb.types")


def main() -> None:
    server = socket.socket(fileno=int(sys.argv[1]))
    sdk_folder = sys.argv[2]
    bootstrap = _module("sandbox_bootstrap", Path(__file__).with_name("bootstrap.py"))
    needed = set(sys.modules)
    sys.path.append(sdk_folder)
    for name in PRELOADED:
        importlib.import_module(name)
    sys.path.remove(sdk_folder)
    _propagate_depth()
    _lead_to_the_local_cloud()
    # Collections would write to every object, and so copy the pages that sandboxes share.
    gc.collect()
    gc.freeze()
    _serve(server, bootstrap, needed, {entry.split(".")[0] for entry in os.listdir(sdk_folder)})


def _propagate_depth() -> None:
    """Have the SDK say how deep in a chain of invocations a call is made, which ends loops.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    """
    from botocore.handlers import BUILTIN_HANDLERS

    def add_depth(params: dict[str, Any], **_: object) -> None:
        depth = os.environ.get(DEPTH_VARIABLE)
        if depth:
            params["headers"].setdefault(DEPTH_HEADER, depth)

    BUILTIN_HANDLERS.append(("before-call", add_depth))


def _lead_to_the_local_cloud() -> None:
    """Have the SDK's requests to AWS's host names arrive at the local cloud, as names and certificates would see to it.

    An endpoint that a client was given, such as an account's own of IoT Core, goes before AWS_ENDPOINT_URL.
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.httpsession import URLLib3Session

    send = URLLib3Session.send

    def sent(session: Any, request: Any) -> Any:
        asked = urlsplit(request.url)
        if (asked.hostname or "").endswith(AWS_NAMES) and (here := os.environ.get("AWS_ENDPOINT_URL")):
            there = urlsplit(here)
            url = urlunsplit((there.scheme, there.netloc, asked.path, asked.query, ""))
            # The host is signed, and tells whose endpoint it is.
            headers: Any = {**request.headers, "Host": asked.netloc}
            request = AWSPreparedRequest(request.method, url, headers, request.body, request.stream_output)
        return send(session, request)

    setattr(URLLib3Session, "send", sent)  # noqa: B010 - types of methods cannot be assigned


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _serve(server: socket.socket, bootstrap: ModuleType, needed: set[str], sdk: set[str]) -> None:
    """Fork a sandbox for each message, and report how each ended, until the emulator is gone."""
    ended, wake = os.pipe()
    os.set_blocking(ended, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    statuses: dict[int, int] = {}
    while True:
        ready = select.select([server.fileno(), ended], [], [])[0]
        if ended in ready:
            os.read(ended, 4096)
            _report(statuses)
        if server.fileno() not in ready:
            continue
        data, descriptors, _, _ = socket.recv_fds(server, MAX_MESSAGE_BYTES, 3)
        if not data:
            return
        control, log, status = descriptors
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (server.detach(), ended, wake, status, *statuses.values()):
                os.close(descriptor)
            _become(json.loads(data), control, log, bootstrap, needed, sdk)
        os.close(control)
        os.close(log)
        statuses[pid] = status
        server.send(STATUS.pack(pid))


def _report(statuses: dict[int, int]) -> None:
    """Write the exit code of each sandbox that has ended into its pipe; a negative one is a signal's number."""
    for pid in list(statuses):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            descriptor = statuses.pop(pid)
            with contextlib.suppress(BrokenPipeError):  # nobody asks any more
                os.write(descriptor, STATUS.pack(os.waitstatus_to_exitcode(status)))
            os.close(descriptor)


def _become(
    message: dict[str, Any], control: int, log: int, bootstrap: ModuleType, needed: set[str], sdk: set[str]
) -> None:
    """Turn this process into the sandbox; does not return."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.close(nothing)
        os.close(log)
        # The streams of this process may have been files; what they now lead to is a pipe.
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - as long as the process
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(message["environment"])
        time.tzset()
        os.chdir(message["root"])
        sys.argv = [bootstrap.__file__ or ""]
        forget(message["init"]["paths"][:-1], needed, sdk)
        bootstrap.main(control, message["init"])
        code = 0
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def forget(paths: list[str], needed: set[str], sdk: set[str]) -> None:
    """Drop the modules that the function or a layer brings itself; with a part of the SDK, all of the SDK."""
    own = {entry.removesuffix(".py") for path in paths for entry in os.listdir(path)}
    dropped = own | sdk if own & sdk else own
    for name in list(sys.modules):
        if name.split(".")[0] in dropped and name not in needed:
            del sys.modules[name]


if __name__ == "__main__":
    main()
