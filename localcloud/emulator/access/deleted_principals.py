"""A deleted role or user stays deleted for the policies that named it: they show its unique ID from then on.

Whoever is made later under the same name is somebody else, until the policy is saved again.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html (IAM role principals)
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html (Unique identifiers)
"""

import contextvars
import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from ministack.core.responses import get_account_id

from localcloud.emulator.request_gate import Call, Response, after, before

# The ARN and the unique ID of what the request that is being served deletes.
_deleting: contextvars.ContextVar[tuple[str, str] | None] = contextvars.ContextVar("deleting", default=None)


def _policies() -> Iterator[tuple[MutableMapping[Any, Any], Any]]:
    """Every stored resource-based policy, as the mapping and the key under which it is stored."""
    from ministack.services import dynamodb, iam, kinesis, kms, lambda_svc, s3, sns, sqs

    yield from ((role, "AssumeRolePolicyDocument") for role in list(iam._roles._data.values()))
    yield from ((s3._bucket_policies._data, key) for key in list(s3._bucket_policies._data))
    yield from ((kinesis._resource_policies._data, key) for key in list(kinesis._resource_policies._data))
    yield from ((stored, "Policy") for stored in list(dynamodb._resource_policies._data.values()))
    yield from ((key, "Policy") for key in list(kms._keys._data.values()))
    yield from ((function, "policy") for function in list(lambda_svc._functions._data.values()))
    for resource in (*list(sns._topics._data.values()), *list(sqs._queues._data.values())):
        yield resource.get("attributes", {}), "Policy"


def renamed(document: Any, arn: str, unique_id: str) -> Any:
    """A policy document (JSON text or parsed) whose Principal elements name `unique_id` in the place of `arn`.

    Returns the document itself when no Principal element names it; values of conditions stay as they are.
    """
    if isinstance(document, str):
        if arn not in document:
            return document
        try:
            parsed = json.loads(document)
        except ValueError:
            return document
        changed = renamed(parsed, arn, unique_id)
        return document if changed is parsed else json.dumps(changed)
    if not isinstance(document, dict):
        return document
    statements = document.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    replaced = [_renamed_statement(statement, arn, unique_id) for statement in listed]
    if replaced == listed:
        return document
    return {**document, "Statement": replaced}


def _renamed_statement(statement: Any, arn: str, unique_id: str) -> Any:
    if not isinstance(statement, dict):
        return statement
    elements = {
        name: {**statement[name], "AWS": _replaced(statement[name]["AWS"], arn, unique_id)}
        for name in ("Principal", "NotPrincipal")
        if isinstance(statement.get(name), dict) and "AWS" in statement[name]
    }
    return {**statement, **elements}


def _replaced(listed: Any, arn: str, unique_id: str) -> Any:
    if isinstance(listed, list):
        return [unique_id if principal == arn else principal for principal in listed]
    return unique_id if listed == arn else listed


def install() -> None:
    """Let policies show the unique IDs of deleted roles and users."""

    @before("iam")
    def remember_what_is_deleted(call: Call) -> Response | None:
        from ministack.services import iam

        _deleting.set(None)
        kinds = {
            "iam:DeleteRole": (iam._roles, "RoleName", "RoleId"),
            "iam:DeleteUser": (iam._users, "UserName", "UserId"),
        }
        if call.action in kinds:
            store, parameter, unique_id = kinds[call.action]
            entity = store.get_scoped(get_account_id(), None, str(call.data.get(parameter)))
            _deleting.set((entity["Arn"], entity[unique_id]) if entity else None)
        return None

    @after("iam")
    def rename_in_policies(call: Call) -> None:
        deleted = _deleting.get()
        if deleted is None:
            return
        for holder, name in _policies():
            document = holder.get(name)
            changed = renamed(document, *deleted)
            if changed is not document:
                holder[name] = changed
