"""Counts requests to buckets that have a metrics configuration.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html (Amazon S3 request metrics) and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-configurations-filter.html: with a filter only requests on
single objects count. On AWS they come some minutes later, and are delivered as well as can be.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import request_scope

from localcloud.emulator import metrics
from localcloud.emulator.bucket_metrics.configurations import of_bucket

NAMESPACE = "AWS/S3"
_BY_METHOD: Mapping[str, str] = {
    "GET": "GetRequests",
    "PUT": "PutRequests",
    "POST": "PostRequests",
    "DELETE": "DeleteRequests",
    "HEAD": "HeadRequests",
}


def count(bucket: str, key: str, method: str, status: int) -> None:
    """Count a request that was answered with this HTTP status; `key` is empty when it was about no single object."""
    from ministack.services import s3

    matching = [id_ for id_, prefix in of_bucket(bucket).items() if not prefix or (key and key.startswith(prefix))]
    owner = s3._bucket_owner_account(bucket) if matching else None
    if owner is None:
        return
    with request_scope(owner, "us-east-1"):
        region = str(s3.bucket_region(bucket))
    counted = {
        "AllRequests": 1,
        _BY_METHOD.get(method, "AllRequests"): 1,
        "4xxErrors": int(400 <= status < 500),
        "5xxErrors": int(status >= 500),
    }
    for id_ in matching:
        for name, value in counted.items():
            metrics.add(owner, region, NAMESPACE, name, value, {"BucketName": bucket, "FilterId": id_})


def _counted(handler: Callable[..., Any]) -> Callable[..., Any]:
    async def handle(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        from ministack.services import s3

        answer = await handler(method, path, headers, body, query_params)
        bucket, key = s3._parse_bucket_key(path, headers)
        count(bucket, key, method, answer[0])
        return answer

    return handle


def install() -> None:
    """Wrap whatever answers requests to S3 by now."""
    from ministack import app

    app.SERVICE_HANDLERS["s3"] = _counted(app.SERVICE_HANDLERS["s3"])
