"""A provider's configuration is checked as strictly as a resource's."""

import json
from typing import Any

import pytest

from localcloud.plugin import configuration
from localcloud.plugin.cloud import Cloud
from localcloud.plugin.errors import ConfigurationError, WrongAccountError
from localcloud.plugin.values import Secret

pytestmark = pytest.mark.pure


def problems(**arguments: Any) -> dict[str, str]:
    return {failure.path: failure.reason for failure in configuration.check(configuration.decode_arguments(arguments))}


def test_the_engine_sends_json_text() -> None:
    arguments = {
        "region": "eu-west-1",
        "allowedAccountIds": json.dumps(["111111111111"]),
        "assumeRoles": json.dumps([{"roleArn": "arn:role", "duration": "1h30m", "externalId": "e"}]),
        "defaultTags": json.dumps({"tags": {"team": "data"}}),
        "endpoints": json.dumps([{"sqs": "http://one"}, {"s3": "http://two"}]),
        "s3UsePathStyle": "true",
        "secretKey": Secret("s"),
        "accessKey": Secret("a"),
        "version": "7.51.1",
    }

    assert problems(**arguments) == {}
    parsed = configuration.parse(configuration.decode_arguments(arguments))
    assert parsed == configuration.Configuration(
        region="eu-west-1",
        access_key="a",
        secret_key="s",
        s3_use_path_style=True,
        endpoints={"sqs": "http://one", "s3": "http://two"},
        roles=(configuration.Role("arn:role", duration_s=5400, external_id="e"),),
        allowed_account_ids=("111111111111",),
        default_tags={"team": "data"},
    )


@pytest.mark.parametrize(
    ("arguments", "path", "words"),
    [
        ({"regoin": "x"}, "regoin", "nearest correct spelling is `region`"),
        ({"allowedAccountIds": "111111111111"}, "allowedAccountIds", "must be a list"),
        ({"httpProxy": "http://x"}, "httpProxy", "does not act on `httpProxy`"),
        ({"endpoints": '[{"sqss": "http://x"}]'}, "endpoints[0].sqss", "nearest correct spelling is `sqs`"),
        ({"assumeRoles": '[{"sessionName": "x"}]'}, "assumeRoles[0].roleArn", "lacks roleArn"),
        ({"assumeRoles": '[{"roleArn": "a", "duration": "5m"}]'}, "assumeRoles[0].duration", "15m to 12h"),
        ({"accessKey": "a"}, "secretKey", "needs accessKey and secretKey together"),
        ({"allowedAccountIds": "[]", "forbiddenAccountIds": "[]"}, "allowedAccountIds", "keep one of them"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], path: str, words: str) -> None:
    found = problems(**arguments)

    assert words in found.get(path, f"nothing at {path}: {found}")


@pytest.mark.parametrize(
    "given", [{"allowed_account_ids": ("222222222222",)}, {"forbidden_account_ids": ("111111111111",)}]
)
def test_the_wrong_account_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(WrongAccountError) as refusal:
        cloud(**given).guard()

    assert "are for account 111111111111; nothing was deployed." in str(refusal.value)


@pytest.mark.parametrize(
    "given", [{}, {"allowed_account_ids": ("111111111111",)}, {"forbidden_account_ids": ("2" * 12,)}]
)
def test_the_right_account_passes(given: dict[str, Any]) -> None:
    cloud(**given).guard()


def test_no_region_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(ConfigurationError, match="has no region"):
        Cloud(configuration.Configuration())


def cloud(**given: Any) -> Cloud:
    made = Cloud(configuration.Configuration(region="us-east-1", access_key="a", secret_key="s", **given))
    made.identity = {"Account": "111111111111", "Arn": "arn:aws:iam::111111111111:user/me", "UserId": "U"}
    return made


@pytest.mark.parametrize(("said", "attempts"), [(None, 5), (0, 1), (1, 1), (3, 3)])
def test_max_retries_counts_the_first_attempt(said: int | None, attempts: int) -> None:
    cloud = Cloud(configuration.Configuration(region="eu-west-1", access_key="a", secret_key="s", max_retries=said))
    assert cloud.client("sts").meta.config.retries["total_max_attempts"] == attempts
