"""Firehose with a customer key: who selects it lets Firehose use it by a grant; an unusable key stops every put.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_DeliveryStreamEncryptionConfigurationInput.html
"""

from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.access.callers import caller
from localcloud.emulator.access.keys import KmsError, find_key
from localcloud.emulator.key_use.asking import require_key, require_usable
from localcloud.emulator.request_gate import Call, Response, before, json_error


def _selected_key(data: Mapping[str, Any]) -> str | None:
    given = data.get("DeliveryStreamEncryptionConfigurationInput") or {}
    return given.get("KeyARN") if given.get("KeyType") == "CUSTOMER_MANAGED_CMK" else None


def _stored_key(name: str) -> str | None:
    from ministack.services import firehose

    encryption = (firehose._streams.get(name) or {}).get("encryption") or {}
    return encryption.get("KeyARN") if encryption.get("Status") == "ENABLED" else None


def install() -> None:
    """Ask the delivery stream's key when it is selected and for every put."""

    @before("firehose")
    def use_the_delivery_streams_key(call: Call) -> Response | None:
        """https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html (InvalidKMSResourceException)"""
        try:
            if call.action in ("firehose:CreateDeliveryStream", "firehose:StartDeliveryStreamEncryption"):
                key = _selected_key(call.data)
                for action in ("kms:DescribeKey", "kms:CreateGrant") if key else ():
                    require_key(caller(), str(key), action, get_region(), via="firehose")
            elif call.action in ("firehose:PutRecord", "firehose:PutRecordBatch"):
                key = _stored_key(str(call.data.get("DeliveryStreamName")))
                if key:
                    require_usable(find_key(key, get_account_id(), get_region()))
        except KmsError as error:
            return json_error("InvalidKMSResourceException", error.message, code=error.code)
        return None
