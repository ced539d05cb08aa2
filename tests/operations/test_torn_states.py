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


def test_torn_attributes_of_any_file_are_removed_and_whole_ones_stay(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi"
    files = {"stacks/tributary/dev.json": "", "locks/organization/tributary/dev/1.json": "{", "meta.yaml": "{}"}
    for name, attributes in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
        (folder / f"{name}.attrs").write_text(attributes)

    put_back({"PULUMI_BACKEND_URL": f"file://{tmp_path}"})

    assert [path.name for path in folder.glob("**/*.attrs")] == ["meta.yaml.attrs"]
    assert all((folder / name).read_text() == "{}" for name in files)
