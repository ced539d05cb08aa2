"""`tributary verify` refuses what it cannot compare before it looks at anything, and says what would be right."""

from pathlib import Path

import pytest
from fake_pulumi import FakePulumi

from operations import cli

pytestmark = pytest.mark.pure

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["stream-owner"],
            "Instead: `tributary verify` with a stack that reads its outputs, `stream-subscriber`.",
        ),
        (["prod", "--instance", "clicks"], "has no instance `clicks`. Add `--instance` with one of web-analytics."),
        (["prd"], "there is no stack file Pulumi.prd.yaml in"),
        (["poc", "--since", "2026-11-22T10:00:00Z"], "`web-analytics` of stack `poc` has no stream"),
        (["prod", "--since", "yesterday"], "--since is 'yesterday'; it must be a time that is past, such as 2026-"),
        (["prod", "--engine", "athena"], "`web-analytics` is no table replica"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_compared_is_refused(
    arguments: list[str], message: str, pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["verify", *arguments, "--folder", str(PROJECT)])
    assert ended.value.code == 1
    assert message in capsys.readouterr().err
