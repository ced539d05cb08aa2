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
from typing import Any

import yaml

from operations.backends import folder_of
from operations.engine import SECRET, Engine
from operations.stacks import Stack

# What the provider reads by what it knows already, and cannot import by an id alone.
# https://www.pulumi.com/registry/packages/aws/api-docs/dynamodb/tableitem/#import
READ_BY_OUTPUTS = ("aws:dynamodb/tableItem:TableItem",)


def recover(engine: Engine, stack: Stack, say: Callable[[str], None], ask: Callable[[str], None]) -> None:
    """Take in what is there, and forget what is not; `ask` ends it where somebody does not want that.

    Raises EngineError, AccountError and what the calls raise.
    """
    if _locked_by_nobody(engine, stack.name):
        say(f"Whoever deployed `{stack.name}` was killed: taking away the lock that was left.")
        engine.run(["cancel", "--yes", "--stack", stack.name])
    state = engine.state(stack.name)
    pending = state["deployment"].get("pending_operations") or []
    creating = _creating(pending)
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
            made = creating[urn]
            known = made["inputs"] if made["type"] in READ_BY_OUTPUTS else {}
            _take_in(resources, {**made, "id": identity, "outputs": known})
        state["deployment"]["resources"] = resources
        state["deployment"]["pending_operations"] = [one for one in pending if one["type"] != "creating"]
        engine.replace_state(stack.name, state)
        seen = [*found, *seen]
    if seen:
        targets = [word for urn in seen for word in ("--target", urn)]
        engine.run(["refresh", "--yes", "--skip-preview", "--stack", stack.name, *targets])


def _creating(pending: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {one["resource"]["urn"]: one["resource"] for one in pending if one["type"] == "creating"}


def _made(
    engine: Engine, stack: Stack, creating: Mapping[str, Any], resources: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    """The ids of what was made of that and is not in the state."""
    from operations.access import account_of
    from operations.looks import looked_up

    account = account_of(engine, stack)
    if SECRET in json.dumps(list(creating.values())):
        creating = _creating(engine.decrypted_state(stack.name)["deployment"]["pending_operations"])
    known = {resource.get("id") for resource in resources}
    looked = {urn: looked_up(account, one) for urn, one in creating.items()}
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
