"""A DynamoDB client that passes DynamoDB's own JSON through, both ways.

botocore would visit every attribute of every item to turn it into Python's types and back; whoever compares or copies
items needs neither, and is several times faster without.
"""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config

# An item or a key in DynamoDB JSON, binary values in base64: {"name": {"S": "Adam"}}.
Item = Mapping[str, Mapping[str, Any]]

ATTEMPTS = 10
# Operations, and the parameters that botocore looks at to choose an endpoint, which may be empty.
_OPERATIONS: Mapping[str, Mapping[str, Any]] = {
    "Scan": {},
    "Query": {},
    "PutItem": {},
    "DeleteItem": {},
    "BatchGetItem": {"RequestItems": {}},
    "BatchWriteItem": {"RequestItems": {}},
    "TransactWriteItems": {"TransactItems": []},
}
_BODY = "tributary.body"


class RawDynamoDB:
    """DynamoDB of one identity in one Region; `connections` is how many threads call it at the same time.

    The SDK retries throttling, server errors and lost connections ten times.
    """

    def __init__(
        self, session: boto3.Session, region: str, *, endpoint_url: str | None = None, connections: int = 16
    ) -> None:
        config = Config(
            max_pool_connections=connections,
            parameter_validation=False,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        self.client = session.client("dynamodb", region_name=region, endpoint_url=endpoint_url, config=config)
        self.region = region
        for operation in _OPERATIONS:
            name = f"dynamodb.{operation}"
            self.client.meta.events.register(f"before-parameter-build.{name}", _take_body)
            self.client.meta.events.register(f"before-call.{name}", _send_body)
            self.client.meta.events.register(f"before-parse.{name}", _parse)

    def scan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One page of a Scan. Raises ClientError, as the following do."""
        return self._call(self.client.scan, request)

    def query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One page of a Query."""
        return self._call(self.client.query, request)

    def batch_get_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One BatchGetItem, of at most 100 keys."""
        return self._call(self.client.batch_get_item, request)

    def batch_write_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One BatchWriteItem, of at most 25 items."""
        return self._call(self.client.batch_write_item, request)

    def put_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One PutItem."""
        return self._call(self.client.put_item, request)

    def delete_item(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One DeleteItem."""
        return self._call(self.client.delete_item, request)

    def transact_write_items(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One TransactWriteItems, of at most 100 actions."""
        return self._call(self.client.transact_write_items, request)

    def call(self, operation: str, body: bytes) -> dict[str, Any]:
        """One call of an operation by its name in the API, its request being JSON already."""
        answer: dict[str, Any] = getattr(self.client, xform_name(operation))(Body=body)
        return answer

    @staticmethod
    def _call(operation: Any, request: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = operation(Body=json.dumps(request, ensure_ascii=False).encode())
        return answer


def _take_body(params: dict[str, Any], context: dict[str, Any], event_name: str, **_: object) -> None:
    context[_BODY] = params.pop("Body")
    params.update(_OPERATIONS[event_name.rpartition(".")[2]])


def _send_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    params["body"] = context[_BODY]


def _parse(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    # Errors are left to botocore, which knows their shapes.
    if response_dict["status_code"] == 200:
        customized_response_dict.update(json.loads(response_dict["body"]))
        response_dict["body"] = b"{}"
