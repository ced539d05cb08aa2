"""OpenSearch: what is posted, to which endpoint, how it is signed, and what each item of the answer means."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError
from fake_targets import FakeAccess, row, sent, unit, units

from handlers.fan_out.contract import WrongRowError
from handlers.fan_out.destinations import destination_of
from handlers.shared.errors import Cause, cause_of

pytestmark = pytest.mark.pure

DOMAIN = "search-orders-a1b2c3d4e5f6.eu-west-1.es.amazonaws.com"


class Cluster:
    """What answers below botocore's HTTP session; `requests` are those that it got."""

    def __init__(self) -> None:
        self.requests: list[AWSPreparedRequest] = []
        self.status = 200
        self.answer: Any = {"errors": False, "items": []}

    def send(self, request: AWSPreparedRequest) -> Any:
        self.requests.append(request)
        answer = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        return type("Response", (), {"status_code": self.status, "content": answer})

    def lines(self) -> list[Any]:
        """The lines of the only request."""
        [request] = self.requests
        assert isinstance(request.body, bytes)
        assert request.body.endswith(b"\n")
        return [json.loads(line) for line in request.body.splitlines()]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _session, request: cluster.send(request))
    return cluster


@pytest.fixture
def access(monkeypatch: pytest.MonkeyPatch) -> FakeAccess:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    session = botocore.session.Session()
    session.set_credentials("AKIAFUNCTION", "secret", "token")
    return FakeAccess(session)


def test_documents_are_posted_under_their_keys(cluster: Cluster, access: FakeAccess) -> None:
    given = [unit('{"n":1}', 'quote " and \\ and ü'), unit(' {"n":\r\n2}\n', "b"), unit('{"n":3}', "k" * 513)]
    assert sent("es", row("es", f"{DOMAIN}#orders"), access, given) == []
    lines = cluster.lines()
    assert lines[:4] == [{"index": {"_id": 'quote " and \\ and ü'}}, {"n": 1}, {"index": {"_id": "b"}}, {"n": 2}]
    assert len(lines[4]["index"]["_id"]) == 64
    assert cluster.requests[0].url == f"https://{DOMAIN}/orders/_bulk"


@pytest.mark.parametrize(
    ("ids", "action"),
    [("key", {"_id": "key-0"}), ("record", {"_id": "shardId-000000000000:49590"}), ("none", {})],
)
def test_a_row_says_what_the_id_is(cluster: Cluster, access: FakeAccess, ids: str, action: dict[str, str]) -> None:
    sent("es", row("es", f"{DOMAIN}#orders", documentId=ids), access, units("{}"))
    assert cluster.lines()[0] == {"index": action}


@pytest.mark.parametrize(
    ("address", "url", "scope"),
    [
        (f"{DOMAIN}#doctype/orders", f"https://{DOMAIN}/orders/_bulk", "eu-west-1/es"),
        (
            "vpc-o-x1.us-east-1.es.amazonaws.com#i",
            "https://vpc-o-x1.us-east-1.es.amazonaws.com/i/_bulk",
            "us-east-1/es",
        ),
        ("search-o-x.cn-north-1.es.amazonaws.com.cn#i", None, "cn-north-1/es"),
        ("search-o-x.aos.eu-north-1.on.aws#i", None, "eu-north-1/es"),
        ("c0ll.us-west-2.aoss.amazonaws.com#i", "https://c0ll.us-west-2.aoss.amazonaws.com/i/_bulk", "us-west-2/aoss"),
        ("search.example.com#i", "https://search.example.com/i/_bulk", "eu-west-1/es"),
        ("https://search.example.com:8443#i", "https://search.example.com:8443/i/_bulk", "eu-west-1/es"),
        ("http://10.0.0.1:9200/#i", "http://10.0.0.1:9200/i/_bulk", "eu-west-1/es"),
    ],
)
def test_every_kind_of_endpoint_is_found_and_signed_for(
    cluster: Cluster, access: FakeAccess, address: str, url: str | None, scope: str
) -> None:
    sent("es", row("es", address), access, units("{}"))
    [request] = cluster.requests
    assert request.url == url or url is None
    assert f"/{scope}/aws4_request" in str(request.headers["Authorization"])
    assert request.headers["X-Amz-Security-Token"] == "token"
    assert len(request.headers["X-Amz-Content-SHA256"]) == 64


def test_a_domain_with_a_name_of_its_own_is_in_the_row_s_region(cluster: Cluster, access: FakeAccess) -> None:
    sent("es", row("es", "search.example.com#i", region="eu-south-2"), access, units("{}"))
    assert "/eu-south-2/es/" in str(cluster.requests[0].headers["Authorization"])


def test_each_item_of_the_answer_is_looked_at(cluster: Cluster, access: FakeAccess) -> None:
    statuses = [200, 201, 400, 409, 429, 503, 403, 404]
    cluster.answer = {
        "errors": True,
        "items": [{"index": {"status": status, "error": {"type": f"e{status}", "reason": "x"}}} for status in statuses],
    }
    refused = sent("es", row("es", f"{DOMAIN}#orders"), access, units(*["{}"] * len(statuses)))
    assert [(one.unit.messages[0].position, one.cause, one.reason) for one in refused] == [
        (2, Cause.RECORD, "e400 (400)"),
        (3, Cause.TRANSIENT, "e409 (409)"),
        (4, Cause.TRANSIENT, "e429 (429)"),
        (5, Cause.TRANSIENT, "e503 (503)"),
        (6, Cause.REFUSED, "e403 (403)"),
        (7, Cause.REFUSED, "e404 (404)"),
    ]


@pytest.mark.parametrize(
    ("status", "answer", "cause"),
    [
        (429, {"error": {"type": "es_rejected_execution_exception"}}, Cause.TRANSIENT),
        (503, b"<html>", Cause.TRANSIENT),
        (200, b"<html>", Cause.TRANSIENT),
        (413, {"Message": "Request size exceeded 10485760 bytes"}, Cause.RECORD),
        (403, {"message": "The security token included in the request is expired"}, Cause.EXPIRED),
        (403, {"Message": "User: … is not authorized to perform: es:ESHttpPost"}, Cause.REFUSED),
    ],
)
def test_a_request_that_is_refused_whole_is_an_error(
    cluster: Cluster, access: FakeAccess, status: int, answer: Any, cause: Cause
) -> None:
    cluster.status, cluster.answer = status, answer
    with pytest.raises(ClientError) as refused:
        sent("es", row("es", f"{DOMAIN}#orders"), access, units("{}"))
    assert cause_of(refused.value) is cause


def test_an_empty_document_is_refused_for_good_and_the_others_go(cluster: Cluster, access: FakeAccess) -> None:
    given = units("{}", " \n", "")
    assert [one.unit for one in sent("es", row("es", f"{DOMAIN}#orders"), access, given)] == given[1:]
    assert len(cluster.lines()) == 2


@pytest.mark.parametrize(
    ("address", "options", "option", "right"),
    [
        (DOMAIN, {}, "destination", "it must be <endpoint>#<index>, like search-"),
        (f"{DOMAIN}#", {}, "destination", "1 to 255 bytes"),
        (f"{DOMAIN}#Orders", {}, "destination", "capital letters"),
        (f"{DOMAIN}#_all", {}, "destination", "begins with _"),
        (f"{DOMAIN}#or ders", {}, "destination", "a character that no index has"),
        ("orders.us-east-1.amazonaws.com#i", {}, "destination", "which is none of OpenSearch"),
        (f"{DOMAIN}#orders", {"region": "us-east-1"}, "region", "the destination is in eu-west-1"),
        (f"{DOMAIN}#orders", {"documentId": "uuid"}, "documentId", "it must be one of key, record, none"),
    ],
)
def test_a_wrong_row_names_the_option_and_what_is_right(
    address: str, options: dict[str, Any], option: str, right: str
) -> None:
    with pytest.raises(WrongRowError) as wrong:
        destination_of("es").parse(row("es", address, **options))
    assert wrong.value.option == option
    assert right in str(wrong.value)


@pytest.mark.parametrize(
    ("address", "action", "arn"),
    [
        (f"{DOMAIN}#o", "es:ESHttpPost", "arn:aws:es:eu-west-1:111111111111:domain/orders/o/_bulk"),
        ("vpc-a-b-x.eu-west-1.es.amazonaws.com#o", "es:ESHttpPost", None),
        ("search.example.com#o", "es:ESHttpPost", "arn:aws:es:eu-west-1:111111111111:domain/*/o/_bulk"),
        ("c0.us-west-2.aoss.amazonaws.com#o", "aoss:APIAccessAll", "arn:aws:aoss:us-west-2:111111111111:collection/c0"),
    ],
)
def test_a_target_needs_one_action_on_one_resource(address: str, action: str, arn: str | None) -> None:
    destination, target = destination_of("es"), row("es", address)
    actions, found = destination.grants(target, destination.parse(target)) or ((), "")
    assert list(actions) == [action]
    assert found == (arn or "arn:aws:es:eu-west-1:111111111111:domain/a-b/o/_bulk")
