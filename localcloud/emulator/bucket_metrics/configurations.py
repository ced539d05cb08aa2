"""The metrics configurations of buckets: what they are filtered by, and the four operations on them.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketMetricsConfiguration.html . Filters by prefix are kept;
those by tags and access points are refused.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from localcloud.emulator.access.callers import caller
from localcloud.emulator.request_gate import Call, Response, after, before
from localcloud.emulator.resetting import on_reset

MAX_CONFIGURATIONS = 1_000
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

# Bucket → id of a configuration → the prefix of the keys that it is about, "" for all requests to the bucket.
_configurations: dict[str, dict[str, str]] = {}


def of_bucket(bucket: str) -> Mapping[str, str]:
    """The configurations of a bucket: their ids, with the prefixes that they are about."""
    return _configurations.get(bucket, {})


def _put(bucket: str, id_: str, body: bytes) -> Response:
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return _error("MalformedXML", "The XML you provided was not well-formed or did not validate.", 400)
    found = root.find(f"{{{_NAMESPACE}}}Filter")
    parts = [] if found is None else list(found)
    if root.findtext(f"{{{_NAMESPACE}}}Id") != id_ or _ID.fullmatch(id_) is None:
        return _error("InvalidArgument", "The configuration's id must be the request's, of 64 characters at most.", 400)
    if any(part.tag != f"{{{_NAMESPACE}}}Prefix" for part in parts):
        return _error("NotImplemented", "The local cloud filters metrics by a prefix alone.", 501)
    kept = _configurations.setdefault(bucket, {})
    if id_ not in kept and len(kept) >= MAX_CONFIGURATIONS:
        return _error("TooManyConfigurations", "The bucket has 1,000 metrics configurations already.", 400)
    kept[id_] = (parts[0].text or "") if parts else ""
    return 200, {}, b""


def _get(bucket: str, id_: str, _: bytes) -> Response:
    if id_ not in of_bucket(bucket):
        return _error("NoSuchConfiguration", "The specified configuration does not exist.", 404)
    return _document("MetricsConfiguration", _members(id_, of_bucket(bucket)[id_]))


def _delete(bucket: str, id_: str, _: bytes) -> Response:
    if id_ not in of_bucket(bucket):
        return _error("NoSuchConfiguration", "The specified configuration does not exist.", 404)
    del _configurations[bucket][id_]
    return 204, {}, b""


def _list(bucket: str) -> Response:
    found = "".join(
        f"<MetricsConfiguration>{_members(*one)}</MetricsConfiguration>" for one in sorted(of_bucket(bucket).items())
    )
    return _document("ListMetricsConfigurationsResult", f"<IsTruncated>false</IsTruncated>{found}")


def _members(id_: str, prefix: str) -> str:
    filtered = f"<Filter><Prefix>{escape(prefix)}</Prefix></Filter>" if prefix else ""
    return f"<Id>{escape(id_)}</Id>{filtered}"


def _document(name: str, inner: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="{_NAMESPACE}">{inner}</{name}>'
    return 200, {"Content-Type": "application/xml"}, text.encode()


def _error(code: str, message: str, status: int) -> Response:
    from ministack.services import s3

    answer: Response = s3._error(code, message, status)
    return answer


_OPERATIONS: Mapping[str, Callable[[str, str, bytes], Response]] = {"PUT": _put, "GET": _get, "DELETE": _delete}


def install() -> None:
    from ministack.services import s3

    on_reset(_configurations.clear)

    @before("s3")
    def answer(call: Call) -> Response | None:
        bucket, key = s3._parse_bucket_key(call.path, call.headers)
        owner = s3._bucket_owner_account(bucket)
        if "metrics" not in call.query_params or key or owner is None:
            return None
        if caller().account_id != owner:
            return _error("AccessDenied", "Access Denied", 403)
        id_: Any = call.query_params.get("id")
        id_ = id_[0] if isinstance(id_, list) else id_
        if call.method == "GET" and not id_:
            return _list(bucket)
        operation = _OPERATIONS.get(call.method)
        return None if operation is None else operation(bucket, str(id_ or ""), call.body)

    @after("s3")
    def forget(call: Call) -> None:
        if call.action == "s3:DeleteBucket":
            _configurations.pop(s3._parse_bucket_key(call.path, call.headers)[0], None)
