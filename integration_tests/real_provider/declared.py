"""A stack's resources as Terraform's JSON: the inputs in the state of a deployment, under Terraform's names.

Values that AWS makes up (ids of keys and mappings, ARNs with a time in them) become references, so that what Terraform
makes anew refers to what Terraform made; every dependency that Pulumi knows is kept.
https://developer.hashicorp.com/terraform/language/syntax/json
"""

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from integration_tests.real_provider.names import MAPS, MAPS_OF, argument, type_name
from tests.components.deployed import Declared

# What AWS makes up, of each type: outputs, which have the same names in snake_case in Terraform.
MADE_UP: Mapping[str, Mapping[str, str]] = {
    "aws:dynamodb/table:Table": {"streamArn": "stream_arn"},
    "aws:ec2/routeTable:RouteTable": {"id": "id"},
    "aws:ec2/securityGroup:SecurityGroup": {"id": "id"},
    "aws:ec2/subnet:Subnet": {"id": "id"},
    "aws:ec2/vpc:Vpc": {"id": "id"},
    "aws:kinesis/streamConsumer:StreamConsumer": {"arn": "arn"},
    "aws:kms/key:Key": {"arn": "arn", "keyId": "key_id"},
    "aws:lambda/eventSourceMapping:EventSourceMapping": {"uuid": "uuid"},
}

Block = dict[str, Any]
State = Mapping[str, Any]


def resources_of(states: Sequence[State]) -> list[State]:
    """Those of a stack's state that AWS has, with their ids among their outputs."""
    aws = [one for one in states if one["type"].startswith("aws:")]
    return [{**one, "outputs": {**one["outputs"], "id": one["id"]}} for one in aws]


def address(resource: State) -> str:
    """How Terraform names it: `aws_kms_key.logfile-key`."""
    return f"{type_name(resource['type'])}.{_label(resource)}"


def terraform_json(states: Sequence[State], folder: Path, version: tuple[int, ...]) -> dict[str, Any]:
    """The `resource` member of a configuration; zips of functions' code are written to `folder`."""
    resources = resources_of(states)
    references = {
        one["outputs"][output]: f"${{{address(one)}.{attribute}}}"
        for one in resources
        for output, attribute in MADE_UP.get(one["type"], {}).items()
        if one["outputs"].get(output)
    }
    addresses = {one["urn"]: address(one) for one in resources}
    declared: dict[str, dict[str, Any]] = {}
    for one in resources:
        block = arguments(one["type"], one["inputs"], references)
        if archive := block.pop("code", None):
            block["filename"] = str(_zipped(archive, folder / f"{_label(one)}.zip"))
        block = _of_version(one["type"], block, version)
        needed = [addresses[urn] for urn in one.get("dependencies", []) if urn in addresses]
        declared.setdefault(type_name(one["type"]), {})[_label(one)] = {**block, "depends_on": sorted(needed)}
    return {"resource": declared}


def program_json(stacks: Mapping[str, Sequence[Declared]], version: tuple[int, ...]) -> dict[str, Any]:
    """The `resource` member for what programs declare, to be looked at without deploying it."""
    declared: dict[str, dict[str, Any]] = {}
    for stack, resources in stacks.items():
        for one in resources:
            if not one.type.startswith("aws:"):
                continue
            inputs = {name: value for name, value in one.inputs.items() if name != "code"}
            block = _of_version(one.type, arguments(one.type, inputs, {}), version)
            if "code" in one.inputs:
                block["filename"] = "code.zip"
            declared.setdefault(type_name(one.type), {})[f"{stack}_{one.name}"] = block
    return {"resource": declared}


def arguments(token: str, inputs: Mapping[str, Any], references: Mapping[str, str]) -> Block:
    """The inputs of a resource as Terraform's arguments."""
    return {
        argument(token, name): _value(token, name, value, references)
        for name, value in inputs.items()
        if not name.startswith("__")
    }


def _value(token: str, path: str, value: Any, references: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _text(value, references)
    if isinstance(value, list):
        return [_value(token, path, item, references) for item in value]
    if not isinstance(value, dict) or path == "code":
        return value
    keep = path.rpartition(".")[2] in MAPS or (token, path) in MAPS_OF
    return {
        name if keep else argument(token, f"{path}.{name}"): _value(token, f"{path}.{name}", item, references)
        for name, item in value.items()
    }


def _text(value: str, references: Mapping[str, str]) -> str:
    escaped = value.replace("${", "$${").replace("%{", "%%{")
    for text in sorted(references, key=len, reverse=True):
        escaped = escaped.replace(text, references[text])
    return escaped


def _label(resource: State) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", resource["urn"].rpartition("::")[2])


def _zipped(archive: Mapping[str, Any], path: Path) -> Path:
    """A function's code as a file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, asset in archive["assets"].items():
            file.write(asset["path"], name)
    return path


def _keys_of_indexes(block: Block) -> Block:
    """Provider 6.29 brought `key_schema` of indexes; before, an index had `hash_key` and `range_key`."""
    indexes = [dict(index) for index in block.get("global_secondary_index", [])]
    for index in indexes:
        for key in index.pop("key_schemas", []):
            index[f"{key['key_type'].lower()}_key"] = key["attribute_name"]
    return {**block, "global_secondary_index": indexes} if indexes else block


def _known_runtime(block: Block) -> Block:
    """Runtimes that came after provider 5 ended are unknown to it."""
    return {**block, "runtime": "python3.13"} if block["runtime"] == "python3.14" else block


def _of_version(token: str, block: Block, version: tuple[int, ...]) -> Block:
    return BEFORE_6[token](block) if version < (6,) and token in BEFORE_6 else block


# How arguments of provider 6 are said to 5; docs/adding-a-resource-type.md has a row for each.
BEFORE_6: Mapping[str, Callable[[Block], Block]] = {
    "aws:dynamodb/table:Table": _keys_of_indexes,
    "aws:lambda/function:Function": _known_runtime,
}
