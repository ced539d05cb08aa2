"""KMS keys, aliases and grants."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import creates, describes, or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

_GONE = ("PendingDeletion", "PendingReplicaDeletion")

# A principal made a moment ago is not one yet: https://docs.aws.amazon.com/kms/latest/developerguide/accessing-kms.html
_TRANSIENT = (
    Transient("MalformedPolicyDocumentException", "principal"),
    Transient("InvalidArnException"),
    Transient("DependencyTimeoutException"),
)


def _create(context: Context) -> str:
    answer = context.call("CreateKey", **context.request())
    context.id = str(answer["KeyMetadata"]["KeyId"])
    if context.inputs.get("enableKeyRotation"):
        _change_rotation(context)
    if context.inputs.get("isEnabled") is False:
        _change_enabled(context)
    return context.id


def _read_key(context: Context, state: Properties, key: Mapping[str, Any]) -> Properties | None:
    if key["KeyState"] in _GONE:
        return None
    rotation = context.call("GetKeyRotationStatus", KeyId=context.id) if key["KeySpec"] == "SYMMETRIC_DEFAULT" else {}
    rotates = bool(rotation.get("KeyRotationEnabled"))
    return {
        **state,
        "isEnabled": key["Enabled"],
        "customerMasterKeySpec": key["KeySpec"],
        "multiRegion": key.get("MultiRegion", False),
        "policy": context.call("GetKeyPolicy", KeyId=context.id, PolicyName="default")["Policy"],
        "enableKeyRotation": rotates,
        **(
            {"rotationPeriodInDays": rotation["RotationPeriodInDays"]}
            if rotates and rotation.get("RotationPeriodInDays")
            else {}
        ),
    }


def _change_policy(context: Context) -> None:
    if "policy" in context.inputs:
        context.call(
            "PutKeyPolicy",
            KeyId=context.id,
            PolicyName="default",
            Policy=context.inputs["policy"],
            BypassPolicyLockoutSafetyCheck=context.inputs.get("bypassPolicyLockoutSafetyCheck"),
        )


def _change_rotation(context: Context) -> None:
    if context.inputs.get("enableKeyRotation"):
        days = context.inputs.get("rotationPeriodInDays")
        context.call("EnableKeyRotation", KeyId=context.id, RotationPeriodInDays=days)
    else:
        context.call("DisableKeyRotation", KeyId=context.id)


def _change_enabled(context: Context) -> None:
    context.call("EnableKey" if context.inputs.get("isEnabled", True) else "DisableKey", KeyId=context.id)


def _describe_key(context: Context) -> None:
    context.call("UpdateKeyDescription", KeyId=context.id, Description=context.inputs.get("description", ""))


def _delete(context: Context) -> None:
    key = or_missing(lambda: context.call("DescribeKey", KeyId=context.id))
    if key and key["KeyMetadata"]["KeyState"] not in _GONE:
        days = context.old.get("deletionWindowInDays")
        context.call("ScheduleKeyDeletion", KeyId=context.id, PendingWindowInDays=days)


def _replicate(context: Context) -> str:
    """The copy is made in the resource's Region, by a call in the primary key's Region."""
    primary = str(context.inputs["primaryKeyArn"])
    request = context.request("ReplicateKey") | {"KeyId": primary.rpartition("/")[2], "ReplicaRegion": context.region}
    client = context.cloud.client("kms", primary.split(":")[3])
    answer = client.replicate_key(**request)
    context.id = str(answer["ReplicaKeyMetadata"]["KeyId"])
    context.wait(lambda: _enabled(context), f"replica key {context.id} to be enabled")
    if not context.inputs["enabled"]:
        _change_replica_enabled(context)
    return context.id


def _enabled(context: Context) -> bool | None:
    found = or_missing(lambda: context.call("DescribeKey", KeyId=context.id))
    return True if found and found["KeyMetadata"]["KeyState"] == "Enabled" else None


def _change_replica_enabled(context: Context) -> None:
    context.call("EnableKey" if context.inputs["enabled"] else "DisableKey", KeyId=context.id)


def _read_replica(context: Context, state: Properties, key: Mapping[str, Any]) -> Properties | None:
    if key["KeyState"] in _GONE:
        return None
    primary = key.get("MultiRegionConfiguration", {}).get("PrimaryKey", {}).get("Arn")
    return {
        **state,
        "primaryKeyArn": primary or context.inputs.get("primaryKeyArn"),
        "enabled": key["Enabled"],
        "policy": context.call("GetKeyPolicy", KeyId=context.id, PolicyName="default")["Policy"],
        "keyRotationEnabled": bool(context.call("GetKeyRotationStatus", KeyId=context.id).get("KeyRotationEnabled")),
    }


def _alias(context: Context) -> dict[str, Any] | None:
    client = context.cloud.client("kms", context.region)
    pages = client.get_paginator("list_aliases").paginate()
    return next((item for page in pages for item in page["Aliases"] if item["AliasName"] == context.id), None)


def _read_alias(context: Context) -> Properties | None:
    found = _alias(context)
    if found is None:
        return None
    key = found["TargetKeyId"]
    target = context.arn("kms", f"key/{key}")
    # The id and the ARN of a key mean the same; the program's own form is kept.
    given = str(context.inputs.get("targetKeyId", ""))
    return {
        "name": found["AliasName"],
        "arn": found["AliasArn"],
        "targetKeyId": given if given in (key, target) else key,
        "targetKeyArn": target,
    }


def _retarget(context: Context) -> None:
    context.call("UpdateAlias", AliasName=context.id, TargetKeyId=context.inputs["targetKeyId"])


def _create_grant(context: Context) -> str:
    blocks = {name: block for item in context.inputs.get("constraints", []) for name, block in item.items()}
    constraints = {name[0].upper() + name[1:]: block for name, block in blocks.items()}
    answer = context.call("CreateGrant", **context.request(), Constraints=constraints or None)
    context.state = {"grantToken": answer["GrantToken"]}
    context.id = f"{context.inputs['keyId']}:{answer['GrantId']}"
    return context.id


def _grant(context: Context) -> dict[str, Any] | None:
    key, _, grant = context.id.rpartition(":")
    found = or_missing(lambda: context.call("ListGrants", KeyId=key, GrantId=grant))
    grants = found["Grants"] if found else []
    return next((item for item in grants if item["GrantId"] == grant), None)


def _read_grant(context: Context) -> Properties | None:
    found = _grant(context)
    if found is None:
        return None
    state = context.properties(found)
    if blocks := {name[0].lower() + name[1:]: block for name, block in found.get("Constraints", {}).items() if block}:
        state["constraints"] = [blocks]
    key, _, grant = context.id.rpartition(":")
    return {**state, "keyId": key, "grantId": grant, "grantToken": context.state.get("grantToken", "")}


def _delete_grant(context: Context) -> None:
    key, _, grant = context.id.rpartition(":")
    context.call("RetireGrant" if context.old.get("retireOnDelete") else "RevokeGrant", KeyId=key, GrantId=grant)


def _key_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    # Days: https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html, API_EnableKeyRotation.html
    for name, low, high in (("deletionWindowInDays", 7, 30), ("rotationPeriodInDays", 90, 2560)):
        days = inputs.get(name)
        if isinstance(days, int) and not low <= days <= high:
            yield Failure(name, f"{name} is from {low} to {high}, but it is {days}.")


def _alias_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    name = inputs.get("name")
    # https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
    if isinstance(name, str) and (not name.startswith("alias/") or name.startswith("alias/aws/")):
        yield Failure("name", f"the name of an alias begins with alias/, and not with alias/aws/, but it is {name}.")


RESOURCES = (
    ResourceType(
        token="aws:kms/key:Key",
        service="kms",
        operation="CreateKey",
        create=_create,
        read=describes("DescribeKey", {"KeyId": "id"}, "KeyMetadata", then=_read_key),
        delete=_delete,
        updates=(
            Update(("description",), _describe_key),
            Update(("isEnabled",), _change_enabled),
            Update(("policy",), _change_policy),
            Update(("enableKeyRotation", "rotationPeriodInDays"), _change_rotation),
            Update(("deletionWindowInDays", "bypassPolicyLockoutSafetyCheck"), lambda context: None),  # of later calls
        ),
        names={"customerMasterKeySpec": "KeySpec", "tags": None},
        immutable=("customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"),
        defaults={
            "bypassPolicyLockoutSafetyCheck": False,
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "enableKeyRotation": False,
            "isEnabled": True,
            "keyUsage": "ENCRYPT_DECRYPT",
        },
        computed=("policy", "description", "multiRegion", "rotationPeriodInDays"),
        write_only=("bypassPolicyLockoutSafetyCheck", "deletionWindowInDays"),
        documents=("policy",),
        unsupported=("customKeyStoreId", "xksKeyId"),
        tagging=Tagging("KeyId", by="id", listing="ListResourceTags"),
        rules=(_key_rules,),
        transient=_TRANSIENT,
    ),
    ResourceType(
        token="aws:kms/replicaKey:ReplicaKey",
        service="kms",
        operation="ReplicateKey",
        create=_replicate,
        read=describes("DescribeKey", {"KeyId": "id"}, "KeyMetadata", then=_read_replica),
        delete=_delete,
        updates=(
            Update(("description",), _describe_key),
            Update(("enabled",), _change_replica_enabled),
            Update(("policy",), _change_policy),
            Update(("deletionWindowInDays", "bypassPolicyLockoutSafetyCheck"), lambda context: None),  # of later calls
        ),
        names={"primaryKeyArn": None, "enabled": None, "tags": None},
        immutable=("primaryKeyArn",),
        defaults={"bypassPolicyLockoutSafetyCheck": False, "enabled": True},
        computed=("policy",),
        write_only=("bypassPolicyLockoutSafetyCheck", "deletionWindowInDays"),
        documents=("policy",),
        tagging=Tagging("KeyId", by="id", listing="ListResourceTags"),
        transient=_TRANSIENT,
    ),
    ResourceType(
        token="aws:kms/alias:Alias",
        service="kms",
        operation="CreateAlias",
        create=creates("CreateAlias", identity="name"),
        read=_read_alias,
        delete=lambda context: context.call("DeleteAlias", AliasName=context.id),
        updates=(Update(("targetKeyId",), _retarget),),
        names={"name": "AliasName"},
        immutable=("name", "namePrefix"),
        write_only=("namePrefix",),
        name=Name(longest=256, prefix_property="namePrefix", start="alias/"),
        rules=(_alias_rules,),
        volatile={"targetKeyArn": ("targetKeyId",)},
        transient=_TRANSIENT,
    ),
    ResourceType(
        token="aws:kms/grant:Grant",
        service="kms",
        operation="CreateGrant",
        create=_create_grant,
        read=_read_grant,
        delete=_delete_grant,
        names={"grantCreationTokens": "GrantTokens", "constraints": None},
        immutable=(
            "name", "constraints", "granteePrincipal", "grantCreationTokens", "keyId", "operations",
            "retireOnDelete", "retiringPrincipal",
        ),
        defaults={"retireOnDelete": False},
        write_only=("grantCreationTokens", "retireOnDelete"),
        unordered=("operations", "constraints", "grantCreationTokens"),
        transient=_TRANSIENT,
    ),
)  # fmt: skip
