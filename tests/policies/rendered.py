"""Every policy that the committed stack files render, as the program declares it under Pulumi's mocks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from components.kinds import KINDS
from components.stack_files import parse
from tests.components.deployed import Declared, declare

PROJECT = Path(__file__).parents[2]
IDENTITY, TRUST, RESOURCE = "IDENTITY_POLICY", "TRUST_POLICY", "RESOURCE_POLICY"
# Resources whose policies are those of an identity.
OF_IDENTITIES = ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy", "aws:iam/userPolicy:UserPolicy")


@dataclass(frozen=True)
class Policy:
    """A policy's document; `where` names the stack, the resource and the input, or the file."""

    where: str
    type: str
    document: Mapping[str, Any]


def policies() -> Iterator[Policy]:
    """Those of every stack file, then the deployer's own."""
    for stack, resources in declared().items():
        yield from (policy for one in resources for policy in policies_of(stack, one))
    for file in sorted((PROJECT / "docs").glob("deployer/*.json")):
        yield Policy(str(file.relative_to(PROJECT)), IDENTITY, json.loads(file.read_text()))


def declared() -> dict[str, list[Declared]]:
    """What each stack file declares."""
    names = (file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in PROJECT.glob("Pulumi.*.yaml"))
    return {stack: _declared(stack)[0] for stack in sorted(names)}


def policies_of(stack: str, resource: Declared) -> Iterator[Policy]:
    """The policies among a resource's inputs."""
    for name, value in resource.inputs.items():
        document = _document(value)
        if document is not None:
            kind = TRUST if name == "assumeRolePolicy" else IDENTITY if resource.type in OF_IDENTITIES else RESOURCE
            yield Policy(f"stack {stack}, {resource.type.rpartition(':')[2]} {resource.name}, {name}", kind, document)


def _document(value: object) -> dict[str, Any] | None:
    """The policy that a text holds, if it does."""
    try:
        found = json.loads(value) if isinstance(value, str) and value.startswith("{") else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and "Statement" in found else None


@cache
def _declared(stack: str) -> tuple[list[Declared], dict[str, Any]]:
    """What a stack declares and exports, with what it reads of others."""
    file = f"Pulumi.{stack}.yaml"
    config = yaml.safe_load((PROJECT / file).read_text())["config"]
    architectures, [account] = config["tributary:architectures"], config["aws:allowedAccountIds"]
    references = {peer.stack for one in parse(KINDS, file, architectures).values() for peer in one.peers()}
    return declare(architectures, account, {peer: _declared(peer)[1] for peer in sorted(references)})
