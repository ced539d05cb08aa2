"""Deploys a stack with the stand-in plugin, and then the same resources with the real provider, and notes what both do.

Both work as the deployer role, in the same account of the same local cloud, one after the other; the stacks that the
judged one reads stay deployed all the while.
"""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration_tests.real_provider.declared import State, address, resources_of, terraform_json
from integration_tests.real_provider.drifts import drift, left
from integration_tests.real_provider.replacements import changed
from integration_tests.real_provider.terraform import PLAN, Terraform, settings
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import prepare
from localcloud.accounts import deployer_role_arn
from operations.engine import Engine
from operations.stacks import read

SESSION = "terraform"

# Stack → the account of its committed file, the stacks that it reads, and what is changed in its file for the purpose:
# what can be destroyed, and every resource that it can have.
STACKS: Mapping[str, tuple[str, tuple[str, ...], Mapping[str, Any]]] = {
    "workshop-far": ("555555555555", (), {}),
    "poc": ("999999999999", (), {}),
    "prod": ("111111111111", ("poc",), {}),
    "workshop": ("444444444444", (), {"bulk": {}}),
    "partner": ("222222222222", (), {}),
    "platform": ("111111111111", ("partner",), {}),
    "stream-owner": ("111111111111", (), {}),
    "stream-subscriber": ("222222222222", ("stream-owner",), {}),
    "lake": ("666666666666", (), {"bulk": {}}),
    "lake-consumer": ("888888888888", (), {}),
    "lake-producer": ("777777777777", ("lake-consumer",), {"bulk": {}}),
}

Calls = Mapping[str, Mapping[str, Sequence[str]]]


@dataclass
class Judged:
    """What was seen. `resources` are those of the stand-in's state; names are Terraform's addresses."""

    version: tuple[int, ...]
    resources: Sequence[State] = ()
    second_plan: Mapping[str, str] = field(default_factory=dict)
    drifted: set[str] = field(default_factory=set)
    drift_found: Mapping[str, str] = field(default_factory=dict)
    drift_found_by_stand_in: set[str] = field(default_factory=set)
    replaced_for: Mapping[str, set[str]] = field(default_factory=dict)
    left: Sequence[str] = ()
    calls: Calls = field(default_factory=dict)
    calls_of_stand_in: Calls = field(default_factory=dict)


def judge(cloud: Cloud, folder: Path, terraform_folder: Path, stack: str) -> Judged:
    """Deploy, change, refresh and destroy the stack twice; `terraform_folder` has the provider."""
    _, before, _ = STACKS[stack]
    changes = {name: {"deletionProtection": False, **STACKS[name][2]} for name in (*before, stack)}
    with ExitStack() as cleanup:
        account_ids = {STACKS[name][0]: cloud.lend_account(cleanup) for name in (*before, stack)}
        engine = prepare(cloud, folder, changes, account_ids)
        account = account_ids[STACKS[stack][0]]
        for name in before:
            cleanup.callback(engine.destroy, name)
            engine.up(name)
        terraform = Terraform(terraform_folder, {**engine.environment, **settings(terraform_folder)})
        judged = Judged(version=terraform.version)
        region = read(engine, stack).region
        clients = Clients(cloud.session(account), account, cloud.endpoint, region)
        _by_stand_in(judged, engine, stack, clients)
        _by_provider(judged, terraform, clients)
        judged.left = left(clients)
        calls = _calls(cloud, account)
        judged.calls = calls[_deployer(account, SESSION)]
        judged.calls_of_stand_in = calls[_deployer(account, "pulumi")]
    return judged


def _by_stand_in(judged: Judged, engine: Engine, stack: str, clients: Clients) -> None:
    try:
        engine.up(stack)
        judged.resources = resources_of(engine.resources(stack))
        judged.drifted = drift(clients, judged.resources)
        steps = engine.preview(stack, refresh=True).steps
        changed_urns = {step["urn"] for step in steps if step["op"] not in ("same", "refresh", "read")}
        judged.drift_found_by_stand_in = {address(one) for one in judged.resources if one["urn"] in changed_urns}
        engine.run(["up", "--yes", "--skip-preview", "--refresh", "--stack", stack])
    finally:
        engine.destroy(stack)


def _by_provider(judged: Judged, terraform: Terraform, clients: Clients) -> None:
    role = {"role_arn": deployer_role_arn(clients.account_id), "session_name": SESSION}
    provider = {"region": clients.region, "s3_use_path_style": True, "assume_role": [role]}
    resources = terraform_json(judged.resources, terraform.folder, judged.version)
    declared = {"provider": {"aws": provider}, **resources}
    terraform.configure(declared)
    try:
        terraform.apply()
        judged.second_plan = terraform.plan()
        drift(clients, judged.resources, terraform.attributes())
        judged.drift_found = terraform.plan()
        terraform.apply(PLAN)
        terraform.configure(changed(declared, judged.resources))
        terraform.plan(refresh=False)
        judged.replaced_for = terraform.replaced_for()
    finally:
        terraform.configure(declared)
        terraform.destroy()


def _deployer(account: str, session: str) -> str:
    return deployer_role_arn(account).replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + f"/{session}"


def _calls(cloud: Cloud, account: str) -> dict[str, Calls]:
    with urllib.request.urlopen(f"{cloud.endpoint}/_tributary/calls/{account}", timeout=30) as answer:
        found: dict[str, Calls] = json.load(answer)
    return found
