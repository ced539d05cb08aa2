"""What operations read of a stack is what the program gets, however its file is spelled and whatever is secret in it."""

import json
from typing import Any

import pytest

from integration_tests.engine.conftest import TinyProject
from operations.engine import Engine
from operations.stacks import read, stack_names

pytestmark = pytest.mark.local

# YAML 1.1 and 1.2 differ over `on`, `no` and times; Pulumi's documentation advises names with dots.
FILE = """config:
  aws:region: eu-west-1
  aws:allowedAccountIds: '["999999999999"]'
  aws:assumeRoles: [{roleArn: "arn:aws:iam::999999999999:role/TributaryDeployer", externalId: "0042"}]
  tributary:architectures:
    on: {kind: cross-account-copy/target, writer: {accountId: "111111111111"}}
    no: {kind: cross-account-copy/source, target: {stack: prod.eu}, startingTimestamp: 2026-11-22T10:00:00Z}
"""
PROGRAM = """
import pulumi
pulumi.export("seen", pulumi.Config("tributary").require_object("architectures"))
"""


def test_operations_read_what_the_program_gets(tiny: TinyProject) -> None:
    file = tiny.folder / "Pulumi.poc.eu.yaml"
    file.write_text(FILE)
    tiny.seed()
    tiny.program(PROGRAM)
    engine = Engine(tiny.folder, tiny.environment)

    assert stack_names(tiny.folder) == ["dev", "poc.eu"]
    found = read(engine, "poc.eu")
    assert (found.account_id, found.references) == ("999999999999", {"prod.eu"})
    assert list(found.architectures) == ["no", "on"]
    source: Any = found.architectures["no"]
    assert source.starts_at.startswith("2026-11-22T10:00:00")
    assert json.loads(found.provider["aws:assumeRoles"])[0]["externalId"] == "0042"
    done = tiny.pulumi("preview", "-s", "poc.eu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_text() == FILE, "a preview changed the user's file"

    place = 'tributary:architectures["on"].externalId'
    engine.run(["config", "set", "--stack", "poc.eu", "--secret", "--path", place, "very-hidden"])
    target: Any = read(engine, "poc.eu").architectures["on"]
    assert target.external_id == "very-hidden"
    assert "very-hidden" not in file.read_text()
    assert engine.run(["up", "--yes", "--skip-preview", "--stack", "poc.eu"])
    shown = json.loads(tiny.pulumi("stack", "output", "--json", "-s", "poc.eu").stdout)
    assert engine.outputs("poc.eu")["seen"]["on"]["externalId"] == "very-hidden", shown
