"""What operations read of a stack is what the program gets, however its file is spelled; what is secret stays so."""

import json
from typing import Any

import pytest

from integration_tests.engine.conftest import TinyProject
from operations.engine import Engine
from operations.errors import EngineError
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
from pathlib import Path
import pulumi
from components.secrets import keep_secret, marked, secret_texts

found = pulumi.Config("tributary").require_object("architectures")
texts = frozenset()
if pulumi.runtime.is_config_secret("tributary:architectures"):
    file = Path(pulumi.get_root_directory()) / "Pulumi.poc.eu.yaml"
    texts = secret_texts(file, "tributary:architectures", found)
    keep_secret(texts)
policy = pulumi.Output.all(found["on"]).apply(lambda all: {"ID": "says " + all[0].get("externalId", "nothing")})
pulumi.ComponentResource("tiny:index:Function", "function", {"environment": {"variables": policy}})
pulumi.export("seen", marked(found, texts))
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
    stranger = Engine(tiny.folder, {**tiny.environment, "PULUMI_CONFIG_PASSPHRASE": "another"})
    with pytest.raises(EngineError, match="please set PULUMI_CONFIG_PASSPHRASE to the correct passphrase"):
        read(stranger, "poc.eu")
    assert "very-hidden" not in engine.run(["up", "--yes", "--skip-preview", "--stack", "poc.eu"])
    assert engine.outputs("poc.eu")["seen"]["on"]["externalId"] == "very-hidden"
    expected = {"kind": "cross-account-copy/target", "writer": {"accountId": "111111111111"}}
    shown = json.loads(tiny.pulumi("stack", "output", "--json", "-s", "poc.eu").stdout)["seen"]["on"]
    assert shown == {**expected, "externalId": "[secret]"}
    [function] = [one for one in engine.resources("poc.eu") if one["type"] == "tiny:index:Function"]
    assert "ciphertext" in json.dumps(function["inputs"])
    assert "very-hidden" not in (tiny.state / ".pulumi" / "stacks" / "tiny" / "poc.eu.json").read_text()


SECRETS = """
import pulumi

pulumi.ComponentResource("tiny:index:Row", "row", {"item": pulumi.Output.secret('{"id": 7}'), "table": "rows"})
"""


def test_what_is_secret_of_a_resource_under_way_is_decrypted_to_be_looked_at(tiny: TinyProject) -> None:
    tiny.program(SECRETS)
    engine = Engine(tiny.folder, tiny.environment)
    engine.run(["up", "--yes", "--skip-preview", "--stack", "dev"])
    [file] = tiny.state.glob("**/dev.json")
    state = json.loads(file.read_text())
    made = state["checkpoint"]["latest"]["resources"]
    [row] = [one for one in made if one["type"] == "tiny:index:Row"]
    # An import of a state would leave this out.
    state["checkpoint"]["latest"]["pending_operations"] = [{"resource": row, "type": "creating"}]
    file.write_text(json.dumps(state))

    assert '"id' not in json.dumps(engine.state("dev"))
    [pending] = engine.decrypted_state("dev")["deployment"]["pending_operations"]
    assert pending["resource"]["inputs"] == {"item": '{"id": 7}', "table": "rows"}
