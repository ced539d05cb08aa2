"""The state of a stack whose engine was killed while it wrote it."""

from pathlib import Path

import pytest

from operations.torn_states import put_back

pytestmark = pytest.mark.pure


def test_a_torn_state_is_replaced_by_the_one_before_it_and_no_other(tmp_path: Path) -> None:
    states = tmp_path / ".pulumi" / "stacks" / "tributary"
    states.mkdir(parents=True)
    for name, text in {"torn": "", "cut": '{"a":', "whole": "{}", "alone": ""}.items():
        (states / f"{name}.json").write_text(text)
    for name in ("torn", "cut", "whole"):
        (states / f"{name}.json.bak").write_text('{"before": 1}')

    found = put_back({"PULUMI_BACKEND_URL": f"file://{tmp_path}"})

    assert sorted(path.name for path in found) == ["cut.json", "torn.json"]
    texts = {name: (states / f"{name}.json").read_text() for name in ("torn", "cut", "whole", "alone")}
    assert texts == {"torn": '{"before": 1}', "cut": '{"before": 1}', "whole": "{}", "alone": ""}
    assert put_back({"PULUMI_BACKEND_URL": "s3://states"}) == []
