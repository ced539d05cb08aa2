"""Every kind has every verb, or says why not and what to type instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_pulumi import FakePulumi

from components.kinds import KINDS
from operations import cli, verb_commands, verbs
from operations.engine import Engine
from operations.instruments.mappings import Mapping
from operations.verbs import TABLE, No

pytestmark = pytest.mark.pure

PROJECT = Path(__file__).parents[2]
VERBS = ["verify", "repair", "redrive", "backfill", "replay", "pause", "resume"]


def test_each_kind_is_a_row_and_each_row_has_each_verb() -> None:
    assert set(TABLE) == set(KINDS)
    assert {kind: sorted(row) for kind, row in TABLE.items()} == dict.fromkeys(KINDS, sorted(VERBS))


def test_each_function_is_there() -> None:
    found = [verbs.function_of(verb, kind) for kind, row in TABLE.items() for verb in row if isinstance(row[verb], str)]
    assert all(map(callable, found))


def test_the_documented_table_is_this_one() -> None:
    assert verbs.as_markdown() in (PROJECT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "stack", ["prod", "poc", "workshop", "workshop-far", "stream-owner", "stream-subscriber", "platform", "partner"]
)
def test_what_a_kind_has_not_is_refused_with_what_to_type_instead(
    verb: str, stack: str, pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    """The committed stacks, one of each kind."""
    [kind] = [one.kind for one in verbs.read(Engine(PROJECT), stack).architectures.values()]
    entry = TABLE[kind][verb]
    if not isinstance(entry, No):
        return
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, stack, "--yes", "--folder", str(PROJECT)])
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert f"is a {kind}, which has no `{verb}`: {entry.why}. Instead: `tributary " in told
    assert "{" not in told


STACK = """config:
  aws:region: eu-west-1
  aws:allowedAccountIds: ["111111111111"]
  tributary:architectures:
    first: &copy
      kind: cross-account-copy/source
      target: {stack: poc}
    second: {<<: *copy, namePrefix: second-}
    shared:
      kind: shared-stream/owner
      subscribers: {one: {accountId: "222222222222"}}
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["several"], "stack `several` has several instances. Add `--instance` with one of first, second."),
        (["several", "--instance", "third"], "no instance `third`. Add `--instance` with one of first, second."),
        (
            ["several", "--instance", "shared"],
            "is a shared-stream/owner, which has no `pause`",
        ),
        (["severl"], "Did you mean `several`?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_instance_is_asked_for_where_there_are_several(
    arguments: list[str], message: str, pulumi: FakePulumi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.several.yaml").write_text(STACK)
    with pytest.raises(SystemExit):
        cli.main(["pause", *arguments, "--folder", str(tmp_path)])
    assert message in capsys.readouterr().err


def test_a_replay_of_a_function_finds_its_instance_among_several(
    pulumi: FakePulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.several.yaml").write_text(STACK)
    component = verbs.read(Engine(tmp_path), "several").architectures["second"].component_name("second")
    found = [Mapping("urn", component, "copier", "arn:aws:kinesis:r:a:stream/s")]
    monkeypatch.setattr(verb_commands, "mappings", lambda engine, stack, function: found)
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(verbs, "run", lambda *arguments: asked.append(arguments))
    with pytest.raises(SystemExit):
        cli.main(["replay", "several", "--function", "copier", "--folder", str(tmp_path)])
    assert asked[0][:4] == ("replay", tmp_path, "several", "second")


def test_what_utf_8_cannot_express_is_printed_as_json_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    from operations.dialogue import Dialogue, Result
    from operations.errors import DifferenceError

    with pytest.raises(DifferenceError):
        Dialogue(as_json=True).conclude(Result({"key": "\ud800"}, "", "it differs"))
    assert capsys.readouterr().out == '{\n  "key": "\\ud800"\n}\n'


def test_programs_get_json_alone_and_are_asked_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    from operations.dialogue import Dialogue, Result

    dialogue = Dialogue(yes=True, as_json=True)
    dialogue.say("this is going to happen")
    dialogue.confirm("Shall it?")
    dialogue.conclude(Result({"done": 1}, "Done."))
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ('{\n  "done": 1\n}\n', "this is going to happen\n")
