"""No command reads or writes anything in another account than the one that is meant."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import typer
from fake_pulumi import FakePulumi, parsed
from fake_sts import FakeSts

from components.kinds import KINDS
from operations import cli, verbs
from operations.instruments.mappings import MAPPING_TYPE

pytestmark = pytest.mark.pure

PROJECT = Path(__file__).parents[2]
OTHERS = "700000000007"
# A committed stack of each kind that has verbs.
STACKS: Mapping[str, str] = {
    "cross-account-copy/source": "prod",
    "cross-account-copy/target": "poc",
    "table-replica": "workshop",
    "data-lake": "lake",
    "data-lake/producer": "lake-producer",
    "data-lake/consumer": "lake-consumer",
    "fan-out/platform": "platform",
    "shared-stream/subscriber": "stream-subscriber",
}
# What they read the outputs of.
PEERS = ("partner",)
# What instances export that is looked at before the account.
OUTPUTS = {
    "region": "eu-west-1",
    "sources": {"inputStream": "arn:aws:kinesis:eu-west-1:111111111111:stream/inputStream"},
    **dict.fromkeys(("clickStreamWriterName", "copierName", "deliveryStreamName", "forwarderName", "streamArn"), "f"),
    **dict.fromkeys(("functionName", "drainerName", "failureBucketName", "targetsTableName", "lanesTableName"), "f"),
}
MAPPING = {
    "urn": "urn:m",
    "type": MAPPING_TYPE,
    "outputs": {
        "functionArn": "arn:aws:lambda:eu-west-1:1:function:f",
        "eventSourceArn": "arn:aws:kinesis:eu-west-1:1:stream/s",
        "uuid": "u",
    },
}
STACK = {"urn": "urn:stack", "type": "pulumi:pulumi:Stack"}
ALARM = {"urn": "urn:a", "type": "aws:cloudwatch/metricAlarm:MetricAlarm", "outputs": {"name": "a"}}
BUCKET = {"urn": "urn:b", "type": "aws:s3/bucket:Bucket", "outputs": {"bucket": "b", "region": "eu-west-1"}}
INTERRUPTED = {"type": "creating", "resource": {"urn": "urn:r", "type": "aws:iam/role:Role", "inputs": {"name": "r"}}}

# Every command that reaches an account by itself, as it is typed about a stack, besides the verbs.
REACHING: Mapping[str, Sequence[str]] = {
    "load": ["load", "rows.csv", "--table", "logfile", "--stack", "workshop"],
    "query": ["query", "lake", "select 1"],
    "status": ["status", "workshop"],
    # What an interrupted deployment left is looked for there, and what is in the buckets is told.
    "up": ["up", "workshop", "--yes"],
    "destroy": ["destroy", "workshop", "--yes"],
}
SOURCE = ["--source-type", "kinesis", "--source", "inputStream"]
TARGET = [*SOURCE, "--id", "target1"]
# The same of `tributary fanout`.
FAN_OUT: Mapping[str, Sequence[str]] = {
    "deploy": [],
    "destroy": ["--yes"],
    "register": ["kinesis", *TARGET, "--destination", "outputStream"],
    "update": [*TARGET, "--parallel", "false"],
    **dict.fromkeys(("activate", "deactivate", "describe"), TARGET),
    "unregister": [*TARGET, "--yes"],
    **dict.fromkeys(("list", "validate", "test", "hook", "pause", "resume"), SOURCE),
    "unhook": [*SOURCE, "--yes"],
    "status": [],
    "redrive": ["--yes"],
}
# These work on states and files, or on a local cloud of their own.
WITHOUT = {"demo", "diagram", "sample"}
VERBS = {verb for row in verbs.TABLE.values() for verb in row}
# Each function that does a verb, with a kind that has it.
FUNCTIONS = {
    (verb, function): kind
    for kind, row in verbs.TABLE.items()
    for verb, function in row.items()
    if isinstance(function, str)
}
TYPED = [
    *(pytest.param(words, id=name) for name, words in REACHING.items()),
    *(pytest.param(["fanout", name, *words], id=f"fanout {name}") for name, words in FAN_OUT.items()),
    *(
        pytest.param([verb, STACKS[kind], *([] if verb == "verify" else ["--yes"])], id=f"{verb} {kind}")
        for (verb, _), kind in FUNCTIONS.items()
    ),
]


@pytest.fixture
def typed(
    sts: FakeSts, pulumi: FakePulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:  # fmt: skip
    """`typed("verify", "prod")`: the error, in a folder of the committed stacks, whose roles were taken out as the docs
    offer, with another account's credentials in the environment. All of them are deployed."""
    for stack in (*STACKS.values(), *PEERS):
        text = (PROJECT / f"Pulumi.{stack}.yaml").read_text()
        roles, rest = text.index("  aws:assumeRoles:"), text.index("  tributary:")
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(text[:roles] + text[rest:])
        [instance] = parsed(text)["config"]["tributary:architectures"]
        component = {"urn": f"urn::{instance}", "type": "tributary:index:Any", "parent": "urn:stack"}
        parts = [{**part, "parent": component["urn"]} for part in (ALARM, BUCKET, MAPPING)]
        pulumi.deploy(stack, {instance: OUTPUTS}, [STACK, component, *parts], [INTERRUPTED])
    (tmp_path / "rows.csv").write_text("requestid,host\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHERS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    sts.accounts["AKIAOTHERS"] = OTHERS

    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(words))
        assert ended.value.code
        return capsys.readouterr().err

    return run


def test_each_command_is_in_this_table() -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]  # a click.Group
    assert set(commands) - {"local", "fanout"} == {*REACHING, *WITHOUT, *VERBS}
    assert set(commands["fanout"].commands) == set(FAN_OUT)
    assert set(STACKS) == {kind for kind in KINDS if any(isinstance(one, str) for one in verbs.TABLE[kind].values())}


@pytest.mark.parametrize("words", TYPED)
def test_another_account_is_asked_nothing_but_its_name(
    words: Sequence[str], typed: Callable[..., str], sts: FakeSts, pulumi: FakePulumi
) -> None:
    told = typed(*words)
    assert f"are for account {OTHERS}; nothing was read or written. `export AWS_PROFILE=…`" in told
    assert "is, by `aws:allowedAccountIds` in Pulumi." in told
    assert sts.actions == ["GetCallerIdentity"]
    assert not [call for call in pulumi.calls if call[0] in ("up", "destroy", "preview", "refresh", "cancel")]


def test_a_load_without_a_stack_says_which_account_it_is_for(typed: Callable[..., str], sts: FakeSts) -> None:
    load = ["load", "rows.csv", "--table", "logfile"]
    assert "Add `--stack` with a stack of that account, or `--account` with its id" in typed(*load)
    assert "--stack says the account already: leave out --account" in typed(
        *load, "--stack", "workshop", "--account", OTHERS
    )
    assert sts.asked == []
    told = typed(*load, "--account", "444444444444")
    assert "`--account` says account 444444444444, but these credentials" in told
    assert f"are for account {OTHERS}; nothing was read or written" in told
    assert sts.actions == ["GetCallerIdentity"]
    # The right one is reached: the table's description is what is asked next.
    typed(*load, "--account", OTHERS)
    assert set(sts.actions[2:]) == {"?"}
