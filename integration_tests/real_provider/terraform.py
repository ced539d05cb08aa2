"""Terraform with the real AWS provider, where this machine has them: on PATH, and in Terraform's own places.

Terraform installs the provider from where its CLI configuration says (TF_CLI_CONFIG_FILE, `~/.terraformrc`), from its
local mirror folders, or from its registry. PROVIDERS_VARIABLE names one more folder in the layout that
`terraform providers mirror` writes, for a machine without a configuration.
https://developer.hashicorp.com/terraform/cli/config/config-file#provider-installation
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROVIDERS_VARIABLE = "TRIBUTARY_TERRAFORM_PROVIDERS"
INIT_TIMEOUT_S = 120
RUN_TIMEOUT_S = 600
# One of these, whichever this machine has: pulumi_aws 7 is made from 6.
VERSIONS = ">= 5.100.0, < 7.0.0"

NEEDED = {"terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": VERSIONS}}}}
# Where a plan is kept, for `apply` and `show`.
PLAN = "plan"
LOCK = ".terraform.lock.hcl"


@dataclass(frozen=True)
class Terraform:
    """One initialized folder; `environment` replaces this process's own."""

    folder: Path
    environment: Mapping[str, str]

    def configure(self, content: Mapping[str, Any]) -> None:
        """What the folder declares from now on, beside the provider it needs."""
        (self.folder / "main.tf.json").write_text(json.dumps({**NEEDED, **content}, indent=1))

    def apply(self, *plan: str) -> None:
        """Make what is declared, or what a kept plan says. Fails the test with Terraform's own message."""
        self._run("apply", "-auto-approve", "-parallelism=20", *plan)

    def destroy(self) -> None:
        """Delete everything."""
        self._run("destroy", "-auto-approve", "-parallelism=20")

    def plan(self, *, refresh: bool = True) -> dict[str, str]:
        """What `apply` would do, as action (`create`, `update`, `replace`, `delete`) by address; kept as PLAN.

        `refresh` reads first what there really is.
        """
        shown = self._run("plan", "-json", f"-out={PLAN}", f"-refresh={str(refresh).lower()}")
        events = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
        changes = [event["change"] for event in events if event["type"] == "planned_change"]
        return {change["resource"]["addr"]: change["action"] for change in changes}

    def replaced_for(self) -> dict[str, set[str]]:
        """The arguments for whose sake the kept plan makes resources anew, by address."""
        shown = json.loads(self._run("show", "-json", PLAN))
        return {
            one["address"]: {str(path[0]) for path in one["change"].get("replace_paths", [])}
            for one in shown["resource_changes"]
        }

    def refused(self) -> set[str]:
        """The addresses of resources whose arguments the provider refuses without asking AWS."""
        return {one["address"] for one in self.mistakes()}

    def mistakes(self) -> list[dict[str, Any]]:
        """What is wrong with what is declared, told without asking AWS: `summary` and `detail`."""
        found = json.loads(self._ended("validate", "-json").stdout)["diagnostics"]
        return [one for one in found if one["severity"] == "error"]

    def attributes(self) -> dict[str, dict[str, Any]]:
        """What Terraform knows of the resources, by address."""
        state = json.loads((self.folder / "terraform.tfstate").read_text())
        return {f"{one['type']}.{one['name']}": one["instances"][0]["attributes"] for one in state["resources"]}

    @property
    def version(self) -> tuple[int, ...]:
        """The provider's version."""
        locked = (self.folder / LOCK).read_text()
        return tuple(int(part) for part in locked.partition("version")[2].split('"')[1].split("."))

    def _run(self, command: str, *arguments: str) -> str:
        plain = [] if command == "show" else ["-input=false", "-no-color"]
        ended = self._ended(command, *plain, *arguments)
        if ended.returncode != 0:
            errors = [line for line in ended.stdout.splitlines() if '"@level":"error"' in line]
            shown = "\n".join(errors) or ended.stdout[-4000:]
            pytest.fail(f"`terraform {command}` ended with {ended.returncode}:\n{ended.stderr}{shown}")
        return ended.stdout

    def _ended(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )


def initialized(folder: Path) -> Path:
    """A folder with the provider in it; the test is skipped, saying what is missing, where there is none."""
    if shutil.which("terraform") is None:
        pytest.skip("`terraform` is not on PATH: https://developer.hashicorp.com/terraform/install")
    (folder / "main.tf.json").write_text(json.dumps(NEEDED))
    try:
        ended = subprocess.run(
            ["terraform", "init", "-input=false", "-no-color"],
            cwd=folder,
            env=os.environ | settings(folder),
            capture_output=True,
            text=True,
            timeout=INIT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(_missing(f"`terraform init` did not end in {INIT_TIMEOUT_S} s"))
    if ended.returncode != 0:
        pytest.skip(_missing(" ".join(ended.stderr.split())))
    return folder


def another(provider: Path, folder: Path) -> Path:
    """One more folder with the same provider: it is installed once, and takes hundreds of megabytes."""
    (folder / ".terraform").symlink_to(provider / ".terraform")
    shutil.copy(provider / LOCK, folder)
    return folder


def settings(folder: Path) -> dict[str, str]:
    """The variables that Terraform is run with, beside those that reach the cloud."""
    chosen = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    if mirror := os.environ.get(PROVIDERS_VARIABLE):
        file = folder / "terraform.rc"
        file.write_text(f"provider_installation {{\n  filesystem_mirror {{ path = {json.dumps(mirror)} }}\n}}\n")
        chosen["TF_CLI_CONFIG_FILE"] = str(file)
    return chosen


def _missing(why: str) -> str:
    return (
        f"no provider hashicorp/aws {VERSIONS}: set {PROVIDERS_VARIABLE} to a folder that `terraform providers mirror` "
        f"wrote, or say in Terraform's CLI configuration where it is. {why}"
    )
