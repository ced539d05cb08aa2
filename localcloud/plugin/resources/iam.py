"""IAM roles, their inline policies, managed policies and attachments."""

import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from localcloud.plugin.calls import creates, describes, or_missing
from localcloud.plugin.naming import Name
from localcloud.plugin.policy_rules import document_rule
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

# "IAM is eventually consistent": a principal made a moment ago is not one yet
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
_TRANSIENT = (
    Transient("MalformedPolicyDocument", "Invalid principal in policy"),
    Transient("MalformedPolicyDocumentException", "Invalid principal in policy"),
    Transient("ConcurrentModification"),
    Transient("EntityTemporarilyUnmodifiable"),
)
# A managed policy keeps five versions (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
_VERSIONS = 5


def _text(document: Any) -> str:
    """A policy as JSON text: IAM answers with URL-encoded text, which botocore turns into an object."""
    if isinstance(document, str):
        return urllib.parse.unquote(document)
    return json.dumps(document)


def _create_role(context: Context) -> str:
    context.call("CreateRole", **context.request())
    context.id = str(context.inputs["name"])
    _change_inline(context)
    _change_attached(context)
    return context.id


def _read_role(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetRole", RoleName=context.id))
    if found is None:
        return None
    role = found["Role"]
    return {
        **context.properties(role),
        "assumeRolePolicy": _text(role["AssumeRolePolicyDocument"]),
        "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "inlinePolicies": [{"name": name, "policy": text} for name, text in sorted(_inline(context).items())],
        "managedPolicyArns": sorted(_attached(context)),
        "tags": {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
    }


def _inline(context: Context) -> dict[str, str]:
    names = context.call("ListRolePolicies", RoleName=context.id)["PolicyNames"]
    return {
        name: _text(context.call("GetRolePolicy", RoleName=context.id, PolicyName=name)["PolicyDocument"])
        for name in names
    }


def _attached(context: Context) -> set[str]:
    answer = context.call("ListAttachedRolePolicies", RoleName=context.id)
    return {item["PolicyArn"] for item in answer["AttachedPolicies"]}


def _change_inline(context: Context) -> None:
    old = {policy["name"]: policy["policy"] for policy in context.old.get("inlinePolicies", []) if "name" in policy}
    new = {policy["name"]: policy["policy"] for policy in context.inputs.get("inlinePolicies", []) if "name" in policy}
    for name in sorted(old.keys() - new.keys()):
        _drop_inline(context, name)
    for name, text in new.items():
        if old.get(name) != text:
            context.call("PutRolePolicy", RoleName=context.id, PolicyName=name, PolicyDocument=text)


def _change_attached(context: Context) -> None:
    old, new = set(context.old.get("managedPolicyArns", [])), set(context.inputs.get("managedPolicyArns", []))
    for arn in sorted(old - new):
        _drop_attached(context, arn)
    for arn in sorted(new - old):
        context.call("AttachRolePolicy", RoleName=context.id, PolicyArn=arn)


def _drop_inline(context: Context, name: str) -> None:
    or_missing(lambda: context.call("DeleteRolePolicy", RoleName=context.id, PolicyName=name))


def _drop_attached(context: Context, arn: str) -> None:
    or_missing(lambda: context.call("DetachRolePolicy", RoleName=context.id, PolicyArn=arn))


def _change_role(context: Context) -> None:
    context.call(
        "UpdateRole",
        RoleName=context.id,
        Description=context.inputs.get("description", ""),
        MaxSessionDuration=context.inputs["maxSessionDuration"],
    )


def _change_trust(context: Context) -> None:
    context.call("UpdateAssumeRolePolicy", RoleName=context.id, PolicyDocument=context.inputs["assumeRolePolicy"])


def _change_boundary(context: Context) -> None:
    if boundary := context.inputs.get("permissionsBoundary"):
        context.call("PutRolePermissionsBoundary", RoleName=context.id, PermissionsBoundary=boundary)
    else:
        context.call("DeleteRolePermissionsBoundary", RoleName=context.id)


def _delete_role(context: Context) -> None:
    """As the real plugin: what the role itself declares goes with it, all of it with `forceDetachPolicies`.

    It leaves the instance profiles that it is in, which takes the permission to ask for them.
    """
    force = context.old.get("forceDetachPolicies")
    inline = [policy["name"] for policy in context.old.get("inlinePolicies", []) if "name" in policy]
    for name in _inline(context) if force else inline:
        _drop_inline(context, name)
    for arn in sorted(_attached(context) if force else context.old.get("managedPolicyArns", [])):
        _drop_attached(context, arn)
    for profile in context.call("ListInstanceProfilesForRole", RoleName=context.id)["InstanceProfiles"]:
        name = profile["InstanceProfileName"]
        context.call("RemoveRoleFromInstanceProfile", InstanceProfileName=name, RoleName=context.id)
    context.call("DeleteRole", RoleName=context.id)


def _put_role_policy(context: Context) -> str:
    inputs = context.inputs
    context.call("PutRolePolicy", RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"])
    context.id = f"{inputs['role']}:{inputs['name']}"
    return context.id


def _read_role_policy(context: Context) -> Properties | None:
    role, _, name = context.id.partition(":")
    found = or_missing(lambda: context.call("GetRolePolicy", RoleName=role, PolicyName=name))
    return {"role": role, "name": name, "policy": _text(found["PolicyDocument"])} if found else None


def _delete_role_policy(context: Context) -> None:
    role, _, name = context.id.partition(":")
    context.call("DeleteRolePolicy", RoleName=role, PolicyName=name)


def _read_policy(context: Context, state: Properties, policy: Mapping[str, Any]) -> Properties:
    version = context.call("GetPolicyVersion", PolicyArn=context.id, VersionId=policy["DefaultVersionId"])
    return {"attachmentCount": 0, **state, "policy": _text(version["PolicyVersion"]["Document"])}


def _change_policy(context: Context) -> None:
    versions = context.call("ListPolicyVersions", PolicyArn=context.id)["Versions"]
    if len(versions) >= _VERSIONS:
        oldest = min((item for item in versions if not item["IsDefaultVersion"]), key=lambda item: item["CreateDate"])
        context.call("DeletePolicyVersion", PolicyArn=context.id, VersionId=oldest["VersionId"])
    context.call(
        "CreatePolicyVersion", PolicyArn=context.id, PolicyDocument=context.inputs["policy"], SetAsDefault=True
    )


def _delete_policy(context: Context) -> None:
    for version in context.call("ListPolicyVersions", PolicyArn=context.id)["Versions"]:
        if not version["IsDefaultVersion"]:
            context.call("DeletePolicyVersion", PolicyArn=context.id, VersionId=version["VersionId"])
    context.call("DeletePolicy", PolicyArn=context.id)


def _attach(context: Context) -> str:
    role, arn = context.inputs["role"], context.inputs["policyArn"]
    context.call("AttachRolePolicy", RoleName=role, PolicyArn=arn)
    context.id = f"{role}/{arn}"
    return context.id


def _read_attachment(context: Context) -> Properties | None:
    role, _, arn = context.id.partition("/")
    found = or_missing(lambda: context.call("ListAttachedRolePolicies", RoleName=role))
    attached = {item["PolicyArn"] for item in found["AttachedPolicies"]} if found else set()
    return {"role": role, "policyArn": arn} if arn in attached else None


def _detach(context: Context) -> None:
    role, _, arn = context.id.partition("/")
    context.call("DetachRolePolicy", RoleName=role, PolicyArn=arn)


_POLICY_NAMES = {"name": "PolicyName", "policy": "PolicyDocument", "policyId": "PolicyId", "arn": "Arn"}

RESOURCES = (
    ResourceType(
        token="aws:iam/role:Role",
        service="iam",
        operation="CreateRole",
        create=_create_role,
        read=_read_role,
        delete=_delete_role,
        updates=(
            Update(("assumeRolePolicy",), _change_trust),
            Update(("description", "maxSessionDuration"), _change_role),
            Update(("permissionsBoundary",), _change_boundary),
            Update(("inlinePolicies",), _change_inline),
            Update(("managedPolicyArns",), _change_attached),
            Update(("forceDetachPolicies",), lambda context: None),  # only deletion looks at it
        ),
        names={
            "name": "RoleName",
            "assumeRolePolicy": "AssumeRolePolicyDocument",
            "uniqueId": "RoleId",
            "permissionsBoundary": "PermissionsBoundary",
            "tags": None,
        },
        immutable=("name", "namePrefix", "path"),
        defaults={"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"},
        computed=("inlinePolicies", "managedPolicyArns"),
        write_only=("forceDetachPolicies", "namePrefix"),
        documents=("assumeRolePolicy", "inlinePolicies.policy"),
        unordered=("inlinePolicies", "managedPolicyArns"),
        name=Name(longest=64, prefix_property="namePrefix"),
        tagging=Tagging("RoleName", by="name", tag="TagRole", untag="UntagRole", listing=None),
        rules=(document_rule("assumeRolePolicy", principal=True),),
        transient=_TRANSIENT,
    ),
    ResourceType(
        token="aws:iam/rolePolicy:RolePolicy",
        service="iam",
        operation="PutRolePolicy",
        create=_put_role_policy,
        read=_read_role_policy,
        delete=_delete_role_policy,
        updates=(Update(("policy",), _put_role_policy),),
        names={"role": "RoleName", **_POLICY_NAMES},
        immutable=("name", "namePrefix", "role"),
        write_only=("namePrefix",),
        documents=("policy",),
        name=Name(longest=128, prefix_property="namePrefix"),
        rules=(document_rule("policy", principal=False),),
        transient=_TRANSIENT,
    ),
    ResourceType(
        token="aws:iam/policy:Policy",
        service="iam",
        operation="CreatePolicy",
        create=creates("CreatePolicy", identity=".Policy.Arn"),
        read=describes("GetPolicy", {"PolicyArn": "id"}, "Policy", then=_read_policy),
        delete=_delete_policy,
        updates=(Update(("policy",), _change_policy),),
        names={**_POLICY_NAMES, "tags": None},
        immutable=("name", "namePrefix", "path", "description"),
        defaults={"path": "/"},
        write_only=("namePrefix",),
        documents=("policy",),
        unsupported=("delayAfterPolicyCreationInMs",),
        name=Name(longest=128, prefix_property="namePrefix"),
        tagging=Tagging("PolicyArn", tag="TagPolicy", untag="UntagPolicy", listing="ListPolicyTags"),
        rules=(document_rule("policy", principal=False),),
        transient=_TRANSIENT,
    ),
    ResourceType(
        token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        service="iam",
        operation="AttachRolePolicy",
        create=_attach,
        read=_read_attachment,
        delete=_detach,
        names={"role": "RoleName"},
        immutable=("role", "policyArn"),
        transient=_TRANSIENT,
    ),
)
