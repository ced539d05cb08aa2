"""The KMS key that a request names, and why a key cannot be used.

https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html (key identifiers)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Failure(Enum):
    """Why a key cannot be used; the value is KMS's own error code, which each service spells in its own way."""

    ACCESS_DENIED = "AccessDeniedException"
    DISABLED = "DisabledException"
    INVALID_STATE = "KMSInvalidStateException"
    NOT_FOUND = "NotFoundException"


class KmsError(Exception):
    """A key cannot be used. `code` is KMS's error code (`failure.value`), `str()` its message."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.code = failure.value
        self.message = message


@dataclass(frozen=True)
class Key:
    """A key as a request names it: its ARN, and the stored record, which an AWS managed key has not."""

    arn: str
    account_id: str
    region: str
    record: Mapping[str, Any] | None


_AWS_MANAGED = "alias/aws/"


def find_key(key: str, account_id: str, region: str) -> Key:
    """The key that a key ID, key ARN, alias name or alias ARN names; an ID and a name are those of the given account.

    Raises KmsError NOT_FOUND. https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html (key identifiers)
    """
    from ministack.services import kms

    parts = key.split(":", 5)
    if parts[0] == "arn" and len(parts) == 6:
        region, account_id, name = parts[3], parts[4], parts[5]
    else:
        name = key if key.startswith("alias/") else f"key/{key}"
    arn = f"arn:aws:kms:{region}:{account_id}:{name}"
    if name.startswith("alias/"):
        key_id = kms._aliases.get_scoped(account_id, region, arn)
        if key_id is None and name.startswith(_AWS_MANAGED):
            return Key(arn, account_id, region, None)
    else:
        key_id = name.removeprefix("key/")
    record = kms._keys.get_scoped(account_id, region, key_id) if key_id else None
    if record is None:
        raise KmsError(Failure.NOT_FOUND, f"{'Alias' if name.startswith('alias/') else 'Key'} '{arn}' does not exist")
    return Key(record["Arn"], account_id, region, record)
