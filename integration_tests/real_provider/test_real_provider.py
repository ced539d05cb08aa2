"""The real AWS provider is the judge of the stand-in plugin, of the local cloud and of the deployer's permissions.

It deploys what the committed stack files declare, on the local cloud, as the deployer role, where `terraform` and the
provider are found; `--real-provider all` takes every stack in place of the smallest one. Every difference between the
two is a failure here, or a row of docs/adding-a-resource-type.md.
"""

import re
from pathlib import Path

import pytest

from integration_tests.real_provider.declared import address
from integration_tests.real_provider.judging import STACKS, Judged, judge
from integration_tests.real_provider.names import type_name
from integration_tests.real_provider.replacements import replaced_by_provider, replaced_by_stand_in
from integration_tests.real_provider.terraform import another
from integration_tests.support.addressing import Cloud

pytestmark = [pytest.mark.local, pytest.mark.differs("plain", "it authorizes nothing")]

ROWS = Path(__file__).parents[2] / "docs" / "adding-a-resource-type.md"
SMALLEST = "workshop-far"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = list(STACKS) if metafunc.config.getoption("--real-provider") == "all" else [SMALLEST]
    if "judged" in metafunc.fixturenames:
        metafunc.parametrize("judged", chosen, indirect=True, scope="module")


@pytest.fixture(scope="module")
def judged(
    request: pytest.FixtureRequest, cloud: Cloud, provider: Path, tmp_path_factory: pytest.TempPathFactory
) -> Judged:
    """One stack, deployed and destroyed by both."""
    if cloud.target != "local":
        pytest.skip(f"{cloud.target} differs: it does not tell which calls were made")
    terraform = another(provider, tmp_path_factory.mktemp("terraform"))
    return judge(cloud, tmp_path_factory.mktemp("project"), terraform, str(request.param))


def test_a_second_plan_changes_nothing(judged: Judged) -> None:
    assert judged.second_plan == {}


def test_both_find_every_change_behind_their_back_and_nothing_else(judged: Judged) -> None:
    assert judged.drift_found == dict.fromkeys(judged.drifted, "update")
    assert judged.drift_found_by_stand_in == judged.drifted


def test_both_make_the_same_resources_anew(judged: Judged) -> None:
    by_provider = {address(one): replaced_by_provider(one, judged.replaced_for) for one in judged.resources}
    alone = anew_by_stand_in()
    by_stand_in = {
        address(one): replaced_by_stand_in(one) - alone.get(type_name(one["type"]), set()) for one in judged.resources
    }
    assert by_stand_in == by_provider


def test_the_deployer_may_make_every_call(judged: Judged) -> None:
    assert judged.calls["denied"] == {}
    assert judged.calls_of_stand_in["denied"] == {}


def test_both_make_the_same_calls_but_for_the_documented_ones(judged: Judged) -> None:
    provider, stand_in = set(judged.calls["allowed"]), set(judged.calls_of_stand_in["allowed"])
    assert (sorted(provider - stand_in - rows("provider")), sorted(stand_in - provider - rows("stand-in"))) == ([], [])


def test_nothing_is_left(judged: Judged) -> None:
    assert judged.left == []


def rows(who: str) -> set[str]:
    """The calls that only one of the two makes, by the table in the documentation: `| `action` | who | why |`."""
    found = re.finditer(r"^\| (`[^|]+`) \| ([a-z-]+) \|", ROWS.read_text(), re.MULTILINE)
    return {action for row in found if row[2] == who for action in re.findall(r"`([a-z0-9]+:\w+)`", row[1])}


def anew_by_stand_in() -> dict[str, set[str]]:
    """The arguments for whose sake only the stand-in makes a type anew: `| `type` | arguments | stand-in | why |`."""
    found = re.finditer(r"^\| `(aws_\w+)` \| (`[^|]+`) \| stand-in \|", ROWS.read_text(), re.MULTILINE)
    return {row[1]: set(re.findall(r"`(\w+)`", row[2])) for row in found}
