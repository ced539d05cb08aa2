"""Requests that are signed and sent as botocore does it, and errors in the form in which botocore has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.shared import json_calls
from handlers.shared.json_calls import DYNAMODB, FIREHOSE, JsonCalls, Service
from handlers.shared.signing import Keys, Scope, signed_headers

pytestmark = pytest.mark.pure

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-1"}
WORDS = st.text("abcXYZ0189+/=", min_size=1, max_size=40)


@settings(max_examples=60)
@given(
    service=st.sampled_from([DYNAMODB, FIREHOSE]),
    access=WORDS,
    secret=WORDS,
    token=st.none() | WORDS,
    body=st.binary(max_size=200),
    host=st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:4566"]),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
)
def test_a_signature_is_the_one_that_botocore_makes(
    service: Service, access: str, secret: str, token: str | None, body: bytes, host: str, now: datetime
) -> None:
    headers = signed_headers(
        Scope(service.name, "eu-west-1", host), Keys(access, secret, token), service.content_type, "T.Op", body, now
    )

    theirs = {"Content-Type": service.content_type, "X-Amz-Target": "T.Op"}
    request = AWSRequest("POST", f"https://{host}/", theirs, body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: now)
        SigV4Auth(Credentials(access, secret, token), service.name, "eu-west-1").add_auth(request)
    assert headers.pop("Host") == host
    assert headers == dict(request.headers)


class Answer:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Any:
        yield self._body


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, bytes], JsonCalls]:
    """DynamoDB that answers every call alike."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    def answering(status: int, body: bytes) -> JsonCalls:
        def send(_session: object, request: AWSPreparedRequest) -> AWSResponse:
            assert request.url == "https://dynamodb.eu-west-1.amazonaws.com"
            return AWSResponse(request.url, status, {}, Answer(body))

        monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", send)
        json_calls.own_session.cache_clear()
        json_calls._endpoint.cache_clear()
        return JsonCalls(DYNAMODB)

    return answering


def test_an_answer_is_passed_through(answered: Callable[[int, bytes], JsonCalls]) -> None:
    answer = b'{"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"b":{"B":"AAE="}}}}]}}'
    [request] = answered(200, answer).call("BatchWriteItem", b"{}")["UnprocessedItems"]["t"]
    assert request["PutRequest"]["Item"]["b"] == {"B": "AAE="}


def test_a_refusal_is_an_error_with_all_that_the_service_says(answered: Callable[[int, bytes], JsonCalls]) -> None:
    body = (
        b'{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"why",'
        b'"CancellationReasons":[{"Code":"None"}]}'
    )
    with pytest.raises(ClientError, match=r"TransactionCanceledException.*TransactWriteItems operation: why") as raised:
        answered(400, body).call("TransactWriteItems", b"{}")
    response: Any = raised.value.response
    assert response["CancellationReasons"] == [{"Code": "None"}]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_answer_of_something_that_is_not_the_service_is_no_answer(
    answered: Callable[[int, bytes], JsonCalls],
) -> None:
    with pytest.raises(ResponseParserError, match="answered 502 without JSON"):
        answered(502, b"<html>").call("BatchWriteItem", b"{}")
