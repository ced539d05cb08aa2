"""DynamoDB decrypts a table's key for the principal that accesses it, and asks who selects a key for permissions.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html (Authorizing use of your KMS
key)
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.access import partiql_statements
from localcloud.emulator.access.authorization import Session
from localcloud.emulator.access.callers import caller
from localcloud.emulator.access.keys import Failure, KmsError, find_key
from localcloud.emulator.key_use.asking import require_key, require_usable
from localcloud.emulator.patching import replaces
from localcloud.emulator.request_gate import Call, Response, before, json_error

# The operations that read or write items, and so need the table's key.
_DATA_OPERATIONS = frozenset(
    f"dynamodb:{name}"
    for name in (
        "BatchExecuteStatement",
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "ExecuteStatement",
        "ExecuteTransaction",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    )
)

# What the principal that selects a customer managed key must be allowed to do with it.
_SELECTING = ("kms:DescribeKey", "kms:CreateGrant", "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey")


def _table_keys(account_id: str, region: str, table_name: str) -> str | None:
    """The ARN of the KMS key of a table, None when it is encrypted with a key that AWS owns."""
    from ministack.services import dynamodb

    table = dynamodb._tables.get_scoped(account_id, region, table_name) or {}
    described = table.get("SSEDescription") or {}
    if described.get("Status") != "ENABLED" or described.get("SSEType") != "KMS":
        return None
    key: str | None = described.get("KMSMasterKeyArn")
    return key


def require_table_key(session: Session, table_arn: str, action: str = "kms:Decrypt") -> None:
    """Raise KmsError unless `session` may use the key of a table: of the table, an index or a stream by ARN."""
    parts = table_arn.split(":", 5)
    if len(parts) != 6 or not parts[5].startswith("table/"):
        return
    region, account_id, name = parts[3], parts[4], parts[5].split("/")[1]
    key = _table_keys(account_id, region, name)
    if key is None:
        return
    context = {"aws:dynamodb:tableName": name, "aws:dynamodb:subscriberId": account_id}
    arn = find_key(key, account_id, region).arn
    require_key(session, arn, action, region, via="dynamodb", encryption_context=context)


def _table_arns(operation: str, data: Mapping[str, Any]) -> list[str]:
    """Every table that a data operation names."""
    stated = [arn for _, arn in partiql_statements.asked(operation, data, get_region(), get_account_id())]
    if stated:
        return stated
    names = [data["TableName"]] if data.get("TableName") else []
    names += list(data.get("RequestItems") or {})
    for item in data.get("TransactItems") or []:
        names += [part["TableName"] for part in item.values() if isinstance(part, dict) and part.get("TableName")]
    prefix = f"arn:aws:dynamodb:{get_region()}:{get_account_id()}:table/"
    return [name if name.startswith("arn:") else prefix + name for name in dict.fromkeys(map(str, names))]


def _refusal(error: KmsError) -> Response:
    return json_error("AccessDeniedException", f"KMS key access denied error: {error.message}")


def _selected_key(data: Mapping[str, Any]) -> str | None:
    specification = data.get("SSESpecification") or data.get("SSESpecificationOverride") or {}
    return specification.get("KMSMasterKeyId") if specification.get("Enabled") else None


def install() -> None:
    """Ask the table's key for every access to items and to the table's stream, and when a key is selected."""

    @before("dynamodb", "dynamodbstreams")
    def use_the_tables_key(call: Call) -> Response | None:
        if call.service == "dynamodbstreams":
            from localcloud.emulator.access.request_resources import resource_of

            arns = [resource_of(call)] if call.action == "dynamodb:GetRecords" else []
        else:
            arns = _table_arns(call.action, call.data) if call.action in _DATA_OPERATIONS else []
        try:
            for arn in arns:
                require_table_key(caller(), arn)
        except KmsError as error:
            return _refusal(error)
        return None

    @before("dynamodb")
    def select_a_key(call: Call) -> Response | None:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSESpecification.html"""
        key = _selected_key(call.data)
        if key is None:
            return None
        try:
            for action in _SELECTING:
                require_key(caller(), key, action, get_region(), via="dynamodb")
        except KmsError as error:
            if error.failure is Failure.ACCESS_DENIED:
                return _refusal(error)
            return json_error("ValidationException", f"KMS validation error: {error.message}")
        return None

    @replaces("ministack.services.dynamodb", "_sse_description_from_spec", source="190b59f83f13")
    def named_by_arn(original: Callable[..., Any], spec: dict[str, Any] | None) -> Any:
        """A key ID or an alias is described by the ARN of the key."""
        described = original(spec)
        key = (described or {}).get("KMSMasterKeyArn")
        if key:
            try:
                described["KMSMasterKeyArn"] = find_key(key, get_account_id(), get_region()).arn
            except KmsError:
                return described
        return described

    @replaces("ministack.services.dynamodb", "_describe_table", source="5349afe9bf82")
    def inaccessible_without_its_key(original: Callable[..., Any], data: dict[str, Any]) -> Any:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSEDescription.html"""
        status, headers, body = original(data)
        if status != 200 or b'"KMSMasterKeyArn"' not in body:
            return status, headers, body
        answer = json.loads(body)
        table = answer["Table"]
        key = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn")
        if not key or table["SSEDescription"].get("Status") != "ENABLED":
            return status, headers, body
        try:
            require_usable(find_key(key, get_account_id(), get_region()))
        except KmsError:
            table["TableStatus"] = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
            table["SSEDescription"]["InaccessibleEncryptionDateTime"] = int(time.time())
            return status, headers, json.dumps(answer).encode()
        return status, headers, body
