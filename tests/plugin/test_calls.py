"""What a resource's calls wait for."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from localcloud.plugin.cloud import Cloud
from localcloud.plugin.resource import Context
from localcloud.plugin.resources import find

pytestmark = pytest.mark.pure


class Bucket:
    """Is there from the third call on."""

    def __init__(self) -> None:
        self.calls = 0

    def _answer(self, operation: str) -> dict[str, Any]:
        self.calls += 1
        if self.calls < 3:
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "The bucket does not exist"}}, operation)
        return {}

    def get_bucket_policy(self, **_: Any) -> dict[str, Any]:
        return self._answer("GetBucketPolicy")

    def put_bucket_policy(self, **_: Any) -> dict[str, Any]:
        return self._answer("PutBucketPolicy")


def policy_of(bucket: Bucket) -> Context:
    cloud = SimpleNamespace(client=lambda *_: bucket, region="eu-west-1")
    return Context(find("aws:s3/bucketPolicy:BucketPolicy"), cast(Cloud, cloud), "urn", {"bucket": "lake"})


def test_what_is_made_waits_for_what_it_belongs_to() -> None:
    bucket = Bucket()
    policy_of(bucket).call("PutBucketPolicy", Bucket="lake", Policy="{}")
    assert bucket.calls == 3


def test_what_is_looked_at_and_is_gone_is_not_waited_for() -> None:
    bucket = Bucket()
    assert policy_of(bucket).resource.read(policy_of(bucket)) is None
    assert bucket.calls == 1
