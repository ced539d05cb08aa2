"""Components written in Python are served to programs in other languages: the language host runs them as a plugin."""

import json
from pathlib import Path

import pytest

from integration_tests.engine.conftest import TinyProject

pytestmark = pytest.mark.local

PLUGIN = """
from dataclasses import dataclass

import pulumi
from pulumi.provider.experimental import component_provider_host


@dataclass
class GreeterArgs:
    name: pulumi.Input[str]


class Greeter(pulumi.ComponentResource):
    greeting: pulumi.Output[str]

    def __init__(self, name: str, args: GreeterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("greetings:index:Greeter", name, {}, opts)
        self.greeting = pulumi.Output.format("hello {0}", args.name)
        self.register_outputs({"greeting": self.greeting})


component_provider_host(name="greetings", components=[Greeter])
"""


def plugin(folder: Path, program: str) -> Path:
    folder.mkdir()
    (folder / "PulumiPlugin.yaml").write_text("runtime: python\n")
    (folder / "__main__.py").write_text(program)
    return folder


def test_the_engine_reads_the_schema_of_a_served_component(tiny: TinyProject, tmp_path: Path) -> None:
    done = tiny.pulumi("package", "get-schema", str(plugin(tmp_path / "greetings", PLUGIN)))
    assert done.returncode == 0, done.stdout + done.stderr
    component = json.loads(done.stdout)["resources"]["greetings:index:Greeter"]
    assert component["isComponent"]
    assert component["requiredInputs"] == ["name"]
    assert list(component["properties"]) == ["greeting"]


def test_a_plugin_that_fails_shows_why(tiny: TinyProject, tmp_path: Path) -> None:
    done = tiny.pulumi("package", "get-schema", str(plugin(tmp_path / "broken", "raise ValueError('no greeting')\n")))
    assert done.returncode != 0
    assert "ValueError: no greeting" in done.stderr
