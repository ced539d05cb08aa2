"""A deployment imports the components of its stack's kinds only: those of all kinds take seconds."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.pure

IMPORT = """
import sys
import components.deployment
services = {name.split(".")[1] for name in sys.modules if name.startswith("pulumi_aws.")}
assert not services & {"cloudwatch", "ec2", "lambda_", "s3"}, services
"""


def test_the_table_of_kinds_imports_no_service() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
