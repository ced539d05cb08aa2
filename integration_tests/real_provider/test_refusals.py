"""What the real provider refuses without asking AWS, the stand-in plugin refuses too; what is right, both take."""

import os
from pathlib import Path

import pytest

from integration_tests.real_provider.declared import arguments
from integration_tests.real_provider.names import type_name
from integration_tests.real_provider.refused import cases
from integration_tests.real_provider.terraform import Terraform, another, settings
from localcloud.plugin.provider import Provider

pytestmark = pytest.mark.local


def test_both_refuse_the_same_values(provider: Path, tmp_path: Path) -> None:
    folder = another(provider, tmp_path)
    declared: dict[str, dict[str, object]] = {}
    for case in cases():
        declared.setdefault(type_name(case.token), {})[case.label] = arguments(case.token, case.inputs, {})
    terraform = Terraform(folder, os.environ | settings(folder))
    terraform.configure({"resource": declared, "provider": {"aws": {"region": "eu-west-1"}}})

    wrong = {f"{type_name(case.token)}.{case.label}" for case in cases() if case.label != "right"}
    assert terraform.refused() == wrong

    checked = {
        f"{type_name(case.token)}.{case.label}": Provider().check(case.token, "one", {}, dict(case.inputs), b"")[1]
        for case in cases()
    }
    assert {name for name, failures in checked.items() if failures} == wrong
