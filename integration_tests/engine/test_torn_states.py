"""What the real CLI cannot read after an engine was killed while it wrote its folder, the next command can."""

from collections.abc import Callable

import pytest

from integration_tests.engine.conftest import TinyProject
from operations import engine as engines
from operations.engine import Engine

pytestmark = pytest.mark.local

PROGRAM = "import pulumi\npulumi.export('greeting', pulumi.Config().require('greeting'))\n"
STACK = ".pulumi/stacks/tiny/dev.json"
READING: dict[str, Callable[[Engine], object]] = {
    "stack ls": lambda engine: engine.stacks(),
    "config": lambda engine: engine.config("dev"),
    "stack export": lambda engine: engine.state("dev"),
}


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("file", [f"{STACK}.attrs", ".pulumi/meta.yaml.attrs"])
def test_torn_attributes_keep_no_command_from_reading(
    command: str, file: str, tiny: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "HALF_WRITTEN_S", 0.0)
    backend = tiny.state.as_uri()  # as users have it: with attributes beside every file
    environment = {**tiny.environment, "PULUMI_BACKEND_URL": backend}
    tiny.program(PROGRAM)
    made = Engine(tiny.folder, environment)
    made.run(["up", "--yes", "--skip-preview", "--stack", "dev"])
    tiny.environment = environment
    torn = tiny.state / file
    torn.write_bytes(b"")
    assert tiny.pulumi("stack", "export", "--stack", "dev").stderr.strip().endswith("EOF")

    READING[command](Engine(tiny.folder, environment))

    assert not torn.exists()
    assert tiny.outputs() == {"greeting": "hello"}


def test_a_state_of_a_local_cloud_has_no_attributes_to_tear(tiny: TinyProject) -> None:
    tiny.program(PROGRAM)
    Engine(tiny.folder, tiny.environment).run(["up", "--yes", "--skip-preview", "--stack", "dev"])
    assert (tiny.state / STACK).exists()
    assert list(tiny.state.glob("**/*.attrs")) == []
