"""Takes into a stack's state what an interrupted deployment made without noting it.

Pulumi notes what it is about to create. Whoever ends it at once, by a second ^C or kill -9, leaves that note, and by
the latter a lock: the next deployment would find that the resource exists already. Here the note becomes a resource of
the state, under the id that AWS has, and a refresh reads the rest.
https://www.pulumi.com/docs/support/troubleshooting/common-issues/interrupted-updates
(`pulumi refresh --import-pending-creates`, as of 3.255, drops the note and takes nothing in.)
"""

import json
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from operations.backends import folder_of
from operations.engine import Engine
from operations.stacks import Stack

if TYPE_CHECKING:
    from operations.access import Account

Inputs = Mapping[str, Any]
# The id of a resource that was to be made with these inputs, as `pulumi import` takes it; an error or None: not there.
Look = Callable[["Account", Inputs], str | None]

# How services say that something is not there.
MISSING = ("NotFound", "NoSuch", "404", "DoesNotExist", "InvalidRequestException", "EntityNotFound")


def recover(engine: Engine, stack: Stack, say: Callable[[str], None], ask: Callable[[str], None]) -> None:
    """Take in what is there, and forget what is not; `ask` ends it where somebody does not want that.

    Raises EngineError, AccountError and what the calls raise.
    """
    if _locked_by_nobody(engine, stack.name):
        say(f"Whoever deployed `{stack.name}` was killed: taking away the lock that was left.")
        engine.run(["cancel", "--yes", "--stack", stack.name])
    state = engine.state(stack.name)
    pending = state["deployment"].get("pending_operations") or []
    creating = {one["resource"]["urn"]: one["resource"] for one in pending if one["type"] == "creating"}
    seen = [one["resource"]["urn"] for one in pending if one["type"] in ("updating", "deleting")]
    if seen:
        names = ", ".join(f"`{urn.rpartition('::')[2]}`" for urn in seen)
        say(f"A deployment of `{stack.name}` was interrupted while it changed or deleted {names}: looking at them.")
    if creating:
        resources = state["deployment"].get("resources") or []
        found = _made(engine, stack, creating, resources)
        say(f"An earlier deployment of `{stack.name}` was interrupted. {_told(found)}")
        if found:
            ask("Is that this deployment's own?")
        for urn, identity in found.items():
            _take_in(resources, {**creating[urn], "id": identity, "outputs": {}})
        state["deployment"]["resources"] = resources
        state["deployment"]["pending_operations"] = [one for one in pending if one["type"] != "creating"]
        engine.replace_state(stack.name, state)
        seen = [*found, *seen]
    if seen:
        targets = [word for urn in seen for word in ("--target", urn)]
        engine.run(["refresh", "--yes", "--skip-preview", "--stack", stack.name, *targets])


def _made(
    engine: Engine, stack: Stack, creating: Mapping[str, Any], resources: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """The ids of what was made of that and is not in the state."""
    from operations.access import account_of

    account = account_of(engine, stack)
    known = {resource.get("id") for resource in resources}
    looked = {urn: _look(account, one) for urn, one in creating.items()}
    return {urn: identity for urn, identity in looked.items() if identity is not None and identity not in known}


def _take_in(resources: list[dict[str, Any]], made: dict[str, Any]) -> None:
    """Put a resource into a state. One that it replaces comes after it, to be deleted, unless it was deleted first.

    https://github.com/pulumi/pulumi/blob/master/pkg/resource/deploy/snapshot.go (VerifyIntegrity)
    """
    old = [one for one in resources if one["urn"] == made["urn"]]
    place = resources.index(old[0]) if old else len(resources)
    for one in old:
        if one.get("pendingReplacement"):
            resources.remove(one)
        else:
            one["delete"] = True
    resources.insert(place, made)


def _told(found: Mapping[str, str]) -> str:
    if not found:
        return "It left nothing behind."
    names = ", ".join(f"`{identity}`" for identity in found.values())
    return f"It made {names} without noting it: taking that into the stack's state."


def _locked_by_nobody(engine: Engine, stack: str) -> bool:
    """Whether all that locks the stack are processes of this machine that have ended.

    Where the backend is a folder, a lock is a file: https://www.pulumi.com/docs/iac/concepts/state-and-backends/. For
    others Pulumi says what to type.
    """
    folder = folder_of(engine.environment)
    if folder is None:
        return False
    project = yaml.safe_load((engine.folder / "Pulumi.yaml").read_text())["name"]
    locks = (folder / "locks" / "organization" / project / stack).glob("*.json")
    owners = [json.loads(lock.read_text()) for lock in locks]
    return bool(owners) and not any(_may_live(owner) for owner in owners)


def _may_live(owner: Mapping[str, Any]) -> bool:
    if owner["hostname"] != socket.gethostname():
        return True
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another user's
    return True


def _look(account: "Account", resource: Mapping[str, Any]) -> str | None:
    from botocore.exceptions import ClientError

    look = LOOKS.get(resource["type"])
    try:
        return look(account, resource.get("inputs", {})) if look else None
    except ClientError as error:
        if any(word in error.response["Error"]["Code"] for word in MISSING):
            return None
        raise


def _by(service: str, operation: str, setting: str = "name", *path: str, **parameters: str) -> Look:
    """A look by one call: `parameters` are its parameters by the inputs' names; the id is at `path` of the answer.

    Without a path the id is the input `setting`.
    """

    def look(account: "Account", inputs: Inputs) -> str | None:
        request = {parameter: inputs[name] for parameter, name in parameters.items()}
        answer: Any = getattr(account.client(service), operation)(**request)
        for step in path:
            answer = answer[step]
        return str(answer if path else inputs[setting])

    return look


def _first(found: Iterable[str]) -> str | None:
    return next(iter(found), None)


def _log_group(account: "Account", inputs: Inputs) -> str | None:
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix=inputs["name"])["logGroups"]
    return _first(group["logGroupName"] for group in groups if group["logGroupName"] == inputs["name"])


def _log_stream(account: "Account", inputs: Inputs) -> str | None:
    group, name = inputs["logGroupName"], inputs["name"]
    streams = account.client("logs").describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"]
    return _first(f"{group}:{name}" for stream in streams if stream["logStreamName"] == name)


def _alias(account: "Account", inputs: Inputs) -> str | None:
    pages = account.client("kms").get_paginator("list_aliases").paginate()
    aliases = (alias["AliasName"] for page in pages for alias in page["Aliases"])
    return _first(alias for alias in aliases if alias == inputs["name"])


def _mapping(account: "Account", inputs: Inputs) -> str | None:
    found = account.client("lambda").list_event_source_mappings(
        FunctionName=inputs["functionName"], EventSourceArn=inputs["eventSourceArn"]
    )
    return _first(mapping["UUID"] for mapping in found["EventSourceMappings"])


def _key(account: "Account", inputs: Inputs) -> str | None:
    """A key has no name: one of this description that no alias was given yet."""
    kms = account.client("kms")
    aliases = kms.get_paginator("list_aliases").paginate()
    named = {alias.get("TargetKeyId") for page in aliases for alias in page["Aliases"]}
    pages = kms.get_paginator("list_keys").paginate()
    unnamed = (key["KeyId"] for page in pages for key in page["Keys"] if key["KeyId"] not in named)
    for key in unnamed:
        found = kms.describe_key(KeyId=key)["KeyMetadata"]
        if found["KeyState"] == "Enabled" and found.get("Description") == inputs.get("description"):
            return str(key)
    return None


def _database(account: "Account", inputs: Inputs) -> str | None:
    account.client("glue").get_database(Name=inputs["name"])
    return f"{account.identity['Account']}:{inputs['name']}"


# What refuses to be made twice, or would be there twice. All else is put: making it again changes nothing.
LOOKS: Mapping[str, Look] = {
    "aws:athena/workgroup:Workgroup": _by("athena", "get_work_group", WorkGroup="name"),
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/logStream:LogStream": _log_stream,
    "aws:dynamodb/table:Table": _by("dynamodb", "describe_table", TableName="name"),
    "aws:glue/catalogDatabase:CatalogDatabase": _database,
    "aws:iam/role:Role": _by("iam", "get_role", RoleName="name"),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": _by(
        "firehose",
        "describe_delivery_stream",
        "name",
        "DeliveryStreamDescription",
        "DeliveryStreamARN",
        DeliveryStreamName="name",
    ),
    "aws:kinesis/stream:Stream": _by("kinesis", "describe_stream_summary", StreamName="name"),
    "aws:kinesis/streamConsumer:StreamConsumer": _by(
        "kinesis",
        "describe_stream_consumer",
        "name",
        "ConsumerDescription",
        "ConsumerARN",
        StreamARN="streamArn",
        ConsumerName="name",
    ),
    "aws:kms/alias:Alias": _alias,
    "aws:kms/key:Key": _key,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _mapping,
    "aws:lambda/function:Function": _by("lambda", "get_function", FunctionName="name"),
    "aws:s3/bucket:Bucket": _by("s3", "head_bucket", "bucket", Bucket="bucket"),
}
