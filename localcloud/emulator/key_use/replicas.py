"""Replication of a bucket is made as its role: it reads, decrypts, writes, and encrypts with the replica's own key.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
"""

import logging
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from ministack.core.responses import get_region

from localcloud.emulator.access.authorization import AccessDenied, assume, require
from localcloud.emulator.access.keys import KmsError
from localcloud.emulator.key_use.asking import require_key
from localcloud.emulator.key_use.objects import ALGORITHM, KEY_ID, encryption_context
from localcloud.emulator.patching import replaces

logger = logging.getLogger(__name__)

FAILED = "FAILED"
# What the emulator writes on an object that it has replicated.
_OUTCOME = ("replication_status", "_replica")


def install() -> None:
    """Ask the role and the keys of every copy."""
    replaces("ministack.services.s3", "_maybe_replicate", source="cb2dd6521e3d")(_replicate)


def _replicate(
    original: Callable[..., None],
    bucket: str,
    key: str,
    stored: MutableMapping[str, Any],
    data: Any,
    tags: Mapping[str, str] | None = None,
) -> None:
    from ministack.services import s3

    rule, role_arn = s3._replication_rule_for(bucket, key, tags)
    headers: Mapping[str, str] = stored.get("preserved_headers", {})
    encrypted = headers.get(ALGORITHM) == "aws:kms"
    if rule is None or (encrypted and not _takes_encrypted(rule)):
        return
    destination = rule.get("Destination") or {}
    replica_key = (destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
    try:
        _require(role_arn, bucket, key, str(destination.get("Bucket")), headers, replica_key if encrypted else None)
    except (AccessDenied, KmsError) as refused:
        logger.info("Replication of s3://%s/%s failed: %s", bucket, key, refused)
        stored["replication_status"] = FAILED
        return
    # The copy is made of what is given: the object, encrypted with the copy's own key.
    copied = {**stored, "preserved_headers": {**headers, KEY_ID: replica_key}} if encrypted else stored
    original(bucket, key, copied, data, tags)
    stored.update({name: copied[name] for name in _OUTCOME if name in copied})


def _takes_encrypted(rule: Mapping[str, Any]) -> bool:
    """A rule takes objects that KMS encrypted only when it says so."""
    criteria = rule.get("SourceSelectionCriteria") or {}
    return (criteria.get("SseKmsEncryptedObjects") or {}).get("Status") == "Enabled"


def _require(
    role_arn: str, bucket: str, key: str, destination_arn: str, headers: Mapping[str, str], replica_key: str | None
) -> None:
    """Raise AccessDenied or KmsError unless the role may do all that a copy takes."""
    session, region = assume(role_arn, "s3.amazonaws.com", "s3-replication"), get_region()
    over_tls = {"aws:SecureTransport": "true"}
    source_arn = f"arn:aws:s3:::{bucket}/{key}"
    require(session, "s3:GetObjectVersionForReplication", source_arn, context=over_tls, region=region)
    require(session, "s3:ReplicateObject", f"{destination_arn}/{key}", context=over_tls, region=region)
    if replica_key is None:
        return
    context = encryption_context(bucket, key, headers)
    require_key(session, headers[KEY_ID], "kms:Decrypt", region, via="s3", encryption_context=context)
    context = encryption_context(destination_arn.rpartition(":")[2], key, headers)
    there = replica_key.split(":")[3]
    require_key(session, replica_key, "kms:Encrypt", there, via="s3", encryption_context=context)
