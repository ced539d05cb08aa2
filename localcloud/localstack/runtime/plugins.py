"""What LocalStack finds by its entry points (`localcloud.localstack.hosting.ENTRY_POINTS`) and loads when it starts.

https://docs.localstack.cloud/aws/capabilities/extensions/ and https://github.com/localstack/plux
"""

import os
import sys
import tempfile
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
def host_mode() -> None:
    """Changes what is meant for a container, which begins empty and takes everything with it when it ends."""
    for change in (tables_by_moto, streams_end_with_it, streams_when_they_answer, objects_in_its_folder):
        change()


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


def streams_end_with_it() -> None:
    """Its Kinesis is a process of Node.js for each account, in a session of its own: it would outlive a LocalStack
    that is killed, and poll for ever."""
    from localstack.services.kinesis.kinesis_mock_server import KinesisMockNodeServer

    command = KinesisMockNodeServer._create_shell_command

    def tied(self: Any) -> tuple[list[str], dict[str, Any]]:
        words, variables = command(self)
        return [sys.executable, "-m", TETHERED, str(os.getpid()), "--", *map(str, words)], variables

    KinesisMockNodeServer._create_shell_command = tied


def streams_when_they_answer() -> None:
    """While it starts the Kinesis of an account, every other call there would go to a port that refuses it."""
    from localstack.services.kinesis.kinesis_mock_server import KinesisServerManager

    server = KinesisServerManager.get_server_for_account

    def started(self: Any, account_id: str) -> Any:
        with self._lock:
            return server(self, account_id)

    KinesisServerManager.get_server_for_account = started


def objects_in_its_folder() -> None:
    """It keeps objects in one folder of the machine, which all that run would share and leave behind."""
    from localstack.services.s3 import provider

    provider.DEFAULT_S3_TMP_DIR = os.path.join(tempfile.gettempdir(), "s3")
