"""In whose name targets are called, and by which client: nothing of one target is ever used for another."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError
from fake_targets import row, units
from urllib3 import Timeout

from handlers.fan_out import access
from handlers.fan_out.destinations import destination_of
from handlers.fan_out.rows import Row
from handlers.shared import clients

pytestmark = pytest.mark.pure

ROLE = "arn:aws:iam::222222222222:role/fanout"
ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>{until}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


class Network:
    """Answers every request below botocore; `hosts` and `keys` say where each went and who signed it, `waited` how long
    its connection and its answer might have taken."""

    def __init__(self) -> None:
        self.assumed: list[dict[str, str]] = []
        self.hosts: list[str] = []
        self.keys: list[str] = []
        self.refused: set[str] = set()
        self.waited: dict[str, tuple[float, float]] = {}

    def send(self, request: AWSPreparedRequest, timeout: Timeout) -> Any:
        host = urlsplit(request.url).netloc
        self.waited[host] = timeout.connect_timeout, timeout.read_timeout
        if host.startswith("sts."):
            body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
            self.assumed.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
            until = datetime.now(UTC) + timedelta(minutes=15)
            key = f"ASIA{len(self.assumed)}"
            return _response(200, ASSUMED.format(key=key, until=until.isoformat()).encode(), "text/xml")
        key = str(request.headers["Authorization"]).partition("Credential=")[2].partition("/")[0]
        self.hosts.append(host)
        self.keys.append(key)
        if key in self.refused:
            return _response(403, json.dumps({"__type": "ExpiredTokenException"}).encode())
        return _response(200, b'{"FailedRecordCount": 0, "FailedPutCount": 0, "Records": [], "SecretString": "word"}')


def _response(status: int, content: bytes, kind: str = "application/x-amz-json-1.1") -> Any:
    text = content.decode()
    return type(
        "Response", (), {"status_code": status, "content": content, "text": text, "headers": {"content-type": kind}}
    )


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network()
    monkeypatch.setattr(
        "botocore.httpsession.URLLib3Session.send", lambda session, request: network.send(request, session._timeout)
    )
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    given = {"AWS_ACCESS_KEY_ID": "AKIAFUNCTION", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for kept in (access._identity, access._account, clients.own_session, clients._sts):
        kept.cache_clear()
    monkeypatch.setattr(access, "_secrets", {})
    return network


def send(target: Row) -> None:
    destination = destination_of(target.type)
    destination.open(target, destination.parse(target), access.access_of(target, 6))(units("{}"))


def test_two_targets_of_one_type_never_share_an_endpoint(network: Network) -> None:
    """The original kept a client by Region and type: the second target's messages went to the first one's endpoint."""
    for endpoint in ("aaa", "bbb", "aaa"):
        send(row("iot", f"{endpoint}-ats.iot.eu-west-1.amazonaws.com#topic"))
    assert network.hosts == [f"{name}-ats.iot.eu-west-1.amazonaws.com" for name in ("aaa", "bbb", "aaa")]


def test_an_endpoint_of_a_row_goes_before_that_of_the_environment(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html (precedence)"""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    send(row("kinesis", "orders"))
    send(row("iot", "aaa-ats.iot.eu-west-1.amazonaws.com#topic"))
    assert network.hosts == ["127.0.0.1:4566", "aaa-ats.iot.eu-west-1.amazonaws.com"]


@pytest.mark.parametrize("answer_s", [1, 2, 6])
def test_a_call_waits_for_its_answer_as_long_as_it_is_told(network: Network, answer_s: int) -> None:
    target = row("kinesis", "orders", role=ROLE)
    config = access.access_of(target, answer_s).client("kinesis").get().meta.config
    assert (config.connect_timeout, config.read_timeout) == (min(2, answer_s), answer_s)
    config = access.access_of(target, 6).client("kinesis").get().meta.config
    assert config.read_timeout == 6


@pytest.mark.parametrize(("answer_s", "longest_s"), [(1, 1), (2, 2), (30, 6)])
def test_who_is_asked_for_a_target_may_take_no_longer_than_the_target(
    network: Network, answer_s: int, longest_s: int
) -> None:
    """A role's credentials, a secret, the function's account."""
    target = access.access_of(row("kinesis", "orders", role=ROLE), answer_s)
    target.client("kinesis").get()
    target.secret("arn:aws:secretsmanager:eu-west-1:111111111111:secret:word")
    with contextlib.suppress(KeyError):  # the network answers only that a role was assumed
        target.account()
    asked = {host.partition(".")[0] for host in network.waited}
    assert asked == {"sts", "secretsmanager"}
    assert set(network.waited.values()) == {(min(2, longest_s), longest_s)}


def test_a_session_is_for_a_role_an_external_id_and_a_region(network: Network) -> None:
    """The original kept a session by role alone, whatever the external id."""
    options: list[dict[str, str]] = [
        {},
        {"role": ROLE},
        {"role": ROLE, "externalId": "one"},
        {"role": ROLE, "externalId": "two"},
        {"role": ROLE, "externalId": "two", "region": "us-east-1"},
        {"role": ROLE.replace("2" * 12, "3" * 12), "externalId": "two"},
    ]
    for _ in range(2):
        for number, option in enumerate(options):
            send(row("kinesis", "orders", id=f"target{number}", **option))
    assert network.keys == ["AKIAFUNCTION", "ASIA1", "ASIA2", "ASIA3", "ASIA4", "ASIA5"] * 2
    assert [(one["RoleArn"], one.get("ExternalId")) for one in network.assumed] == [
        (ROLE, None),
        (ROLE, "one"),
        (ROLE, "two"),
        (ROLE, "two"),
        ("arn:aws:iam::333333333333:role/fanout", "two"),
    ]
    assert network.hosts[4] == "kinesis.us-east-1.amazonaws.com"


def test_targets_of_one_role_share_a_session_and_a_client_for_each_service(network: Network) -> None:
    for kind in ("kinesis", "firehose", "kinesis"):
        for number in range(3):
            send(row(kind, "orders", id=f"{kind}{number}", role=ROLE))
    assert len(network.assumed) == 1
    made = access.access_of(row("kinesis", "orders", role=ROLE), 6).client("kinesis", None).get()
    assert access.access_of(row("kinesis", "other", role=ROLE), 6).client("kinesis", None).get() is made


def test_credentials_that_are_refused_are_made_anew_for_the_next_call(network: Network) -> None:
    target = row("kinesis", "orders", role=ROLE)
    send(target)
    network.refused = {"ASIA1"}
    with pytest.raises(ClientError):
        send(target)
    send(target)
    assert network.keys == ["ASIA1", "ASIA1", "ASIA2"]


def test_the_function_s_own_client_is_made_once_whatever_it_is_refused(network: Network) -> None:
    target = row("kinesis", "orders")
    send(target)
    kept = access.access_of(target, 6).client("kinesis", None)
    made = kept.get()
    network.refused = {"AKIAFUNCTION"}
    with pytest.raises(ClientError):
        send(target)
    assert kept.get() is made


def test_a_secret_is_read_once_by_the_function_itself_where_it_is(network: Network) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:111111111111:secret:cache-a1B2c3"
    secret = access.access_of(row("redis", "cache.example.com", secret=arn), 6).secret
    assert [secret(arn), secret(arn)] == ["word", "word"]
    assert (network.hosts, network.keys) == (["secretsmanager.us-east-1.amazonaws.com"], ["AKIAFUNCTION"])
