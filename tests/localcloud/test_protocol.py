"""A language host and a plugin start without the Pulumi SDK, and leave it whole for who imports it later."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.pure

LATER = """
import asyncio
import sys
import {module}
assert "pulumi" not in sys.modules
import pulumi
from pulumi.runtime import proto
from localcloud.engine import protocol
assert proto.plugin_pb2 is protocol.plugin_pb2

async def output():
    return await pulumi.Output.from_input(1).future()

assert asyncio.run(output()) == 1
"""


@pytest.mark.parametrize("module", ["localcloud.engine.language_host", "localcloud.plugin.server"])
def test_the_sdk_is_not_imported_for_its_protocol(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", LATER.format(module=module)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
