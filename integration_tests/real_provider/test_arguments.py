"""The real provider knows every resource and every argument that the committed stack files declare."""

import os
from pathlib import Path

import pytest

from integration_tests.real_provider.declared import program_json
from integration_tests.real_provider.terraform import Terraform, another, settings
from tests.components.deployed import Declared
from tests.policies.rendered import declared

pytestmark = pytest.mark.local


@pytest.fixture
def terraform(provider: Path, tmp_path: Path) -> Terraform:
    """The provider, in a folder of a test's own; no cloud is asked."""
    return Terraform(another(provider, tmp_path), os.environ | settings(tmp_path))


def test_every_stack_file_declares_what_the_provider_takes(terraform: Terraform) -> None:
    stacks = declared()
    assert {"lake", "lake-consumer", "lake-producer"} <= set(stacks)
    terraform.configure(program_json(stacks, terraform.version))
    assert [f"{one['summary']}: {one['detail']}" for one in terraform.mistakes()] == []


def test_what_it_does_not_take_is_told(terraform: Terraform) -> None:
    rotated = Declared("aws:kms/key:Key", "key", {"description": "a key", "rotates": True})
    terraform.configure(program_json({"one": [rotated]}, terraform.version))
    [mistake] = terraform.mistakes()
    assert 'No argument or block type is named "rotates"' in mistake["detail"]
