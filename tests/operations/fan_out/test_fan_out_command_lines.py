"""Command lines as the original documents them, and what they come to on a platform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_platform import QUEUE_URL, STREAM, FakeAws, platform_of, row

from handlers.fan_out.rows import item_of
from operations import cli
from operations.fan_out import commands
from operations.fan_out.platform import Named

pytestmark = pytest.mark.pure

SOURCE = ("--source-type", "kinesis", "--source", "inputStream")


class Typed:
    """Runs command lines on a platform in memory, and keeps how the platform was named."""

    def __init__(self, aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
        self.aws, self._capsys = aws, capsys
        self.named: list[Named] = []

    def platform(self, named: Named) -> Any:
        self.named.append(named)
        return platform_of(self.aws)

    def __call__(self, *line: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["fanout", *line])
        shown = self._capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    found = Typed(FakeAws(), capsys)
    monkeypatch.setattr(commands, "_platform", found.platform)
    return found


def test_register_takes_every_option_of_the_original(typed: Typed) -> None:
    typed.aws.there.add("arn:aws:kinesis:us-east-1:999999999999:stream/outputStream")
    code, _, error = typed(
        "register", "kinesis", "--function", "fanout", "--table", "fanoutTargets", *SOURCE,
        "--id", "target1", "--destination", "outputStream", "--destination-region", "us-east-1",
        "--destination-role-arn", "arn:aws:iam::999999999999:role/there", "--external-id", "5f1d", "--active", "true",
        "--collapse", "concat-b64", "--parallel", "false", "--convert-ddb", "true", "--deaggregate", "true",
        "--append-newlines", "true", "--region", "eu-west-1", "--profile", "mine", "--endpoint-url", "http://here",
        "--debug", "false",
    )  # fmt: skip
    assert (code, error) == (0, "")
    assert typed.named == [
        Named("fanout", None, "fanoutTargets", "eu-west-1", "mine", "http://here", Path()),
    ]
    assert typed.aws.items == [
        item_of(
            {
                "sourceArn": STREAM,
                "id": "target1",
                "type": "kinesis",
                "destination": "outputStream",
                "active": True,
                "role": "arn:aws:iam::999999999999:role/there",
                "externalId": "5f1d",
                "region": "us-east-1",
                "collapse": "concat-b64",
                "parallel": False,
                "convertDDB": True,
                "deaggregate": True,
                "appendNewlines": True,
            }
        )
    ]


def test_register_takes_what_is_new_and_options_of_a_kind(typed: Typed) -> None:
    code, _, _ = typed(
        "register", "sqs", "--function-arn", "arn:aws:lambda:eu-west-1:111111111111:function:fanout",
        "--source-arn", STREAM, "--id", "target1", "--destination", "orders", "--filter", '{"data": {"a": [1]}}',
        "--transform", "a", "--envelope", "true", "--max-concurrency", "3", "--retry-seconds", "60", "--order", "key",
        "--option", "maxBytes=262144",
    )  # fmt: skip
    assert code == 0
    assert typed.aws.items == [
        item_of(
            {
                "sourceArn": STREAM,
                "id": "target1",
                "type": "sqs",
                "destination": QUEUE_URL,
                "active": False,
                "filter": '{"data": {"a": [1]}}',
                "transform": "a",
                "envelope": True,
                "maxConcurrency": 3,
                "retrySeconds": 60,
                "order": "key",
                "maxBytes": 262144,
            }
        )
    ]


def test_the_originals_other_lines_work_as_it_documents_them(typed: Typed) -> None:
    of_target = ("--function", "fanout", *SOURCE, "--id", "target1")
    assert typed("register", "sqs", *of_target, "--destination", "orders")[0] == 0
    assert typed("activate", *of_target)[0] == 0
    assert typed("update", *of_target, "--parallel", "false")[0] == 0
    assert typed.aws.items == [row("target1", parallel=False)]
    assert typed("deactivate", *of_target)[0] == 0
    assert typed.aws.items == [row("target1", parallel=False, active=False)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            ("list", "--no-verify-ssl"),
            "error: --no-verify-ssl: certificates are always verified. `export AWS_CA_BUNDLE=",
        ),
        (
            ("register", "sqs", *SOURCE, "--id", "a", "--destination", "orders", "--option", "ttl"),
            "--option ttl: it must",
        ),
        (
            ("register", "sqs", *SOURCE, "--id", "a", "--destination", "orders", "--option", "collapse=none"),
            "--option collapse=none: it must be NAME=VALUE, such as ttlSeconds=3600; use --collapse.",
        ),
        (
            ("register", "sqs", *SOURCE, "--id", "a", "--destination", "orders", "--option", "declared=true"),
            "NAME=VALUE",
        ),
        (("hook", *SOURCE, "--starting-position", "now"), "--starting-position now: it must be one of TRIM_HORIZON"),
    ],
)
def test_a_refusal_names_the_option(typed: Typed, line: tuple[str, ...], told: str) -> None:
    code, _, error = typed(*line)
    assert code == 1
    assert told in error
    assert typed.aws.items == []


@pytest.mark.parametrize("line", [("activate", *SOURCE), ("register", "sqs", *SOURCE, "--active", "yes", "--id", "a")])
def test_what_is_missing_or_no_choice_is_wrong_usage(typed: Typed, line: tuple[str, ...]) -> None:
    assert typed(*line)[0] == 2
