"""The on-failure bucket: objects of the backlogs, and what a target never took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from botocore.exceptions import ClientError

from handlers.shared.clients import Renewable, create_client

__all__ = ["Bucket", "Objects"]

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
MAX_DELETED = 1000


class Objects(Protocol):
    """Where the objects are. Each method is a call, and raises what botocore raises."""

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""

    def get(self, key: str) -> bytes | None:
        """An object's content; None when there is no such object."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects."""


class Bucket:
    """See Objects. `connections` is how many threads use it at the same time."""

    def __init__(self, name: str, connections: int, make_client: Callable[[], Any] | None = None) -> None:
        self._name = name
        self._client = Renewable(make_client or (lambda: create_client("s3", connections=connections)))

    def put(self, key: str, body: bytes) -> None:
        with self._client.using() as s3:
            s3.put_object(Bucket=self._name, Key=key, Body=body, ContentType="application/json")

    def get(self, key: str) -> bytes | None:
        try:
            with self._client.using() as s3:
                body: bytes = s3.get_object(Bucket=self._name, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return body

    def delete(self, keys: Sequence[str]) -> None:
        with self._client.using() as s3:
            for start in range(0, len(keys), MAX_DELETED):
                objects = [{"Key": key} for key in keys[start : start + MAX_DELETED]]
                # What could not be deleted is named by nobody: the bucket's lifecycle rule removes it.
                s3.delete_objects(Bucket=self._name, Delete={"Objects": objects, "Quiet": True})
