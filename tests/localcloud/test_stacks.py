"""What is read from a project's files before anything is deployed to a local cloud."""

from pathlib import Path

import pytest

from localcloud.engine.stacks import read_project
from localcloud.errors import ProjectError

pytestmark = pytest.mark.pure


def project(folder: Path, **stacks: str) -> Path:
    (folder / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    for stack, text in stacks.items():
        (folder / f"Pulumi.{stack}.yaml").write_text(text)
    return folder


def test_a_project_has_the_stacks_that_have_files(tmp_path: Path) -> None:
    config = 'config:\n  aws:region: eu-west-1\n  aws:allowedAccountIds: ["{0}"]\n'
    folder = project(tmp_path, prod=config.format("1" * 12), poc=config.format("9" * 12), empty="{}\n")
    found = read_project(folder)
    assert (found.name, found.stacks) == ("tiny", ("empty", "poc", "prod"))
    assert found.account_ids == ("1" * 12, "9" * 12)
    assert found.region == "eu-west-1"


def test_account_ids_may_be_written_as_json_the_way_pulumi_config_set_writes_them(tmp_path: Path) -> None:
    folder = project(tmp_path, poc="config:\n  aws:allowedAccountIds: '[\"999999999999\"]'\n")
    assert read_project(folder).account_ids == ("9" * 12,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config:\n  aws:allowedAccountIds: [99]\n", "an account id is 12 digits, in quotes"),
        ("config: [\n", "is not YAML"),
        ("config: 3\n", "is not a mapping"),
        ("- 1\n", "holds no settings"),
    ],
)
def test_a_wrong_stack_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    folder = project(tmp_path, poc=text)
    with pytest.raises(ProjectError, match=message) as raised:
        read_project(folder)
    assert "Pulumi.poc.yaml" in str(raised.value)


def test_a_folder_without_a_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"holds no Pulumi\.yaml"):
        read_project(tmp_path)
