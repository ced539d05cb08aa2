"""The settings of a bucket, each a resource: one call puts it whole, one reads it, one takes it away."""

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.plugin.calls import deletes, dig, or_missing
from localcloud.plugin.resource import Context, Properties, ResourceType, Transient, Update

# A bucket's owner cannot be chosen here: the bucket belongs to the account that is deployed to.
_OWNER = "expectedBucketOwner"
_WITHOUT_OWNER = ("BucketOwnershipControls", "BucketPolicy", "BucketPublicAccessBlock", "BucketReplicationConfig")

# Two settings of one bucket at once; a bucket, or a principal in its policy, made a moment ago.
_TRANSIENT = (
    Transient("OperationAborted"),
    Transient("NoSuchBucket"),
    Transient("MalformedPolicy", "Invalid principal in policy"),
)


def _setting(
    kind: str,
    put: str,
    get: str,
    remove: Callable[[Context], object],
    *,
    names: Mapping[str, str | None],
    changeable: tuple[str, ...],
    then: Callable[[Context, Properties, Mapping[str, Any]], Properties | None] | None = None,
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = lambda request: request,
    **entry: Any,
) -> ResourceType:
    """The entry of a setting; `prepare` completes the request, `then` the properties that were read."""
    token = f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}"
    owner = (_OWNER,) if kind not in _WITHOUT_OWNER else ()

    def create(context: Context) -> str:
        context.call(put, **prepare(context.request(put)))
        context.id = str(context.inputs["bucket"])
        return context.id

    def read(context: Context) -> Properties | None:
        found = or_missing(lambda: context.call(get, Bucket=context.id))
        if found is None:
            return None
        holder = next((target.partition(".")[0] for target in names.values() if target and "." in target), "")
        live = {holder: found, **found} if holder and holder not in found else found
        state = context.properties(live) | {"bucket": context.id}
        return then(context, state, found) if then else state

    def update(context: Context) -> None:
        context.call(put, **prepare(context.request(put)))

    return ResourceType(
        token=token,
        service="s3",
        operation=put,
        create=create,
        read=read,
        delete=remove,
        updates=(Update(changeable, update),),
        names=names,
        immutable=("bucket", *owner),
        write_only=(*owner, *entry.pop("write_only", ())),
        unsupported=(*owner, *entry.pop("unsupported", ())),
        transient=_TRANSIENT,
        **entry,
    )


def _if_any(context: Context, state: Properties, found: Mapping[str, Any]) -> Properties | None:
    """A setting that AWS answers emptily is not there."""
    return state if len(state) > 1 else None


def _suspend(context: Context) -> None:
    if context.old.get("versioningConfiguration", {}).get("status") == "Enabled":
        status = {"Status": "Suspended"}
        context.call("PutBucketVersioning", Bucket=context.id, VersioningConfiguration=status)


def _with_filters(request: dict[str, Any]) -> dict[str, Any]:
    """A rule without filter or prefix is for the whole bucket, which S3 wants in words."""
    for rule in request["LifecycleConfiguration"]["Rules"]:
        if "Filter" not in rule and "Prefix" not in rule:
            rule["Filter"] = {"Prefix": ""}
    return request


def _read_lifecycle(context: Context, state: Properties, found: Mapping[str, Any]) -> Properties | None:
    for rule, live in zip(state.get("rules", []), found.get("Rules", []), strict=True):
        if live.get("Filter", {}).get("Prefix") == "":
            rule["filter"] = {}
    return state


def _read_policy(context: Context, state: Properties, found: Mapping[str, Any]) -> Properties:
    return {**state, "policy": dig(found, "Policy")}


def _public_access(context: Context, state: Properties, found: Mapping[str, Any]) -> Properties:
    live = found["PublicAccessBlockConfiguration"]
    return {**state, **{f"{name[0].lower()}{name[1:]}": bool(value) for name, value in live.items()}}


_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _delete_public_access(context: Context) -> None:
    if not context.old.get("skipDestroy"):
        context.call("DeletePublicAccessBlock", Bucket=context.id)


RESOURCES = (
    _setting(
        "BucketPolicy",
        "PutBucketPolicy",
        "GetBucketPolicy",
        deletes("DeleteBucketPolicy", {"Bucket": "id"}),
        names={},
        changeable=("policy",),
        then=_read_policy,
        documents=("policy",),
    ),
    _setting(
        "BucketPublicAccessBlock",
        "PutPublicAccessBlock",
        "GetPublicAccessBlock",
        _delete_public_access,
        names={name: f"PublicAccessBlockConfiguration.{name[0].upper()}{name[1:]}" for name in _BLOCKS}
        | {"skipDestroy": None},
        changeable=(*_BLOCKS, "skipDestroy"),
        then=_public_access,
        write_only=("skipDestroy",),
        defaults={**dict.fromkeys(_BLOCKS, False)},
    ),
    _setting(
        "BucketVersioning",
        "PutBucketVersioning",
        "GetBucketVersioning",
        _suspend,
        names={"versioningConfiguration.mfaDelete": "MFADelete", "mfa": "MFA"},
        changeable=("versioningConfiguration",),
        then=lambda context, state, found: {
            **state,
            "versioningConfiguration": {"status": found.get("Status", "Disabled")},
        },
        unsupported=("mfa", "versioningConfiguration.mfaDelete"),
    ),
    _setting(
        "BucketServerSideEncryptionConfiguration",
        "PutBucketEncryption",
        "GetBucketEncryption",
        deletes("DeleteBucketEncryption", {"Bucket": "id"}),
        names={
            "rules": "ServerSideEncryptionConfiguration.Rules",
            "rules.applyServerSideEncryptionByDefault.kmsMasterKeyId": "KMSMasterKeyID",
        },
        changeable=("rules",),
        unordered=("rules",),
        computed=("rules.blockedEncryptionTypes",),
        unsupported=("rules.blockedEncryptionTypes",),
    ),
    _setting(
        "BucketLifecycleConfiguration",
        "PutBucketLifecycleConfiguration",
        "GetBucketLifecycleConfiguration",
        deletes("DeleteBucketLifecycle", {"Bucket": "id"}),
        names={"rules": "LifecycleConfiguration.Rules", "timeouts": None},
        changeable=("rules", "transitionDefaultMinimumObjectSize"),
        prepare=_with_filters,
        then=_read_lifecycle,
        unordered=("rules", "rules.transitions", "rules.noncurrentVersionTransitions"),
        computed=("transitionDefaultMinimumObjectSize", "rules.prefix"),
        unsupported=("timeouts",),
    ),
    _setting(
        "BucketOwnershipControls",
        "PutBucketOwnershipControls",
        "GetBucketOwnershipControls",
        deletes("DeleteBucketOwnershipControls", {"Bucket": "id"}),
        names={"rule": "OwnershipControls.Rules"},
        changeable=("rule",),
    ),
    _setting(
        "BucketLogging",
        "PutBucketLogging",
        "GetBucketLogging",
        lambda context: context.call("PutBucketLogging", Bucket=context.id, BucketLoggingStatus={}),
        names={
            name: f"BucketLoggingStatus.LoggingEnabled.{name[0].upper()}{name[1:]}"
            for name in ("targetBucket", "targetPrefix", "targetGrants", "targetObjectKeyFormat")
        },
        changeable=("targetBucket", "targetPrefix", "targetObjectKeyFormat"),
        then=_if_any,
        unsupported=("targetGrants",),
    ),
    _setting(
        "BucketReplicationConfig",
        "PutBucketReplication",
        "GetBucketReplication",
        deletes("DeleteBucketReplication", {"Bucket": "id"}),
        names={
            "role": "ReplicationConfiguration.Role",
            "rules": "ReplicationConfiguration.Rules",
            "rules.destination.encryptionConfiguration.replicaKmsKeyId": "ReplicaKmsKeyID",
        },
        changeable=("role", "rules", "token"),
        unordered=("rules",),
        computed=("rules.id", "rules.priority"),
        unsupported=("token",),
    ),
    _setting(
        "BucketCorsConfiguration",
        "PutBucketCors",
        "GetBucketCors",
        deletes("DeleteBucketCors", {"Bucket": "id"}),
        names={"corsRules": "CORSConfiguration.CORSRules"},
        changeable=("corsRules",),
        unordered=("corsRules",),
    ),
)
