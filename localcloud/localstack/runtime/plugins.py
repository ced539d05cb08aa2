"""What LocalStack finds by its entry points (`localcloud.localstack.hosting.ENTRY_POINTS`) and loads when it starts.

https://docs.localstack.cloud/aws/capabilities/extensions/ and https://github.com/localstack/plux
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin

if TYPE_CHECKING:
    from localstack.utils.run import ShellCommandThread

TABLES = "localcloud.localstack.runtime.tables"
TETHERED = "localcloud.engine.tethered"
# The highest is the first; services are loaded at 0.
BEFORE_SERVICES = 100


class SandboxExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc] # LocalStack is not installed where this is checked
    """Functions as processes: `LAMBDA_RUNTIME_EXECUTOR=sandbox`."""

    name = "sandbox"

    def load(self, *_: object, **__: object) -> type[Any]:
        from localcloud.localstack.runtime.executor import SandboxExecutor

        return SandboxExecutor


@hooks.on_infra_start(priority=BEFORE_SERVICES)  # type: ignore[untyped-decorator] # the same
def tables_by_moto() -> None:
    """LocalStack's DynamoDB forwards to moto in place of DynamoDB Local, a download with terms of its own."""
    from localstack.services.dynamodb.server import DynamodbServer
    from localstack.utils.common import TMP_THREADS, ShellCommandThread

    def start(self: Any) -> "ShellCommandThread":
        thread = ShellCommandThread([sys.executable, "-m", TABLES, str(self.port)], name="moto", auto_restart=True)
        TMP_THREADS.append(thread)
        thread.start()
        return thread

    DynamodbServer.do_start_thread = start


@hooks.on_infra_start(priority=BEFORE_SERVICES)  # type: ignore[untyped-decorator] # the same
def streams_end_with_it() -> None:
    """LocalStack's Kinesis is a process of Node.js for each account, in a session of its own: it would outlive
    a LocalStack that is killed, and poll for ever."""
    from localstack.services.kinesis.kinesis_mock_server import KinesisMockNodeServer

    command = KinesisMockNodeServer._create_shell_command

    def tied(self: Any) -> tuple[Sequence[str], dict[str, Any]]:
        words, variables = command(self)
        return [sys.executable, "-m", TETHERED, str(os.getpid()), "--", *map(str, words)], variables

    KinesisMockNodeServer._create_shell_command = tied
