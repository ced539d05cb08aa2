"""What a user of the stacks meets: nothing changes twice, mistakes deploy nothing, the picture is true."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from integration_tests.cross_account_copy.copy import CHANGES, COMMITTED_ACCOUNTS, Copy, deployed_copy
from integration_tests.support.addressing import Cloud
from integration_tests.support.deployments import NEW_ACCOUNTS_DIFFER, PROJECT, left, prepare
from operations import deploying
from operations.diagram import mermaid
from operations.engine import Engine
from operations.errors import EngineError, StackError

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def copy(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Both sides exactly as committed, but deletable."""
    changes = {stack: {"deletionProtection": False} for stack in COMMITTED_ACCOUNTS}
    with ExitStack() as cleanup:
        yield deployed_copy(cloud, tmp_path_factory.mktemp("deploying"), cleanup, changes)


@pytest.fixture
def undeployed(cloud: Cloud, account: Callable[[], str], tmp_path: Path) -> Engine:
    """A project folder of which nothing is deployed."""
    return prepare(cloud, tmp_path, CHANGES, {known: account() for known in COMMITTED_ACCOUNTS.values()})


@pytest.mark.parametrize("stack", ["poc", "prod"])
def test_a_second_up_changes_nothing_and_a_refresh_finds_no_drift(copy: Copy, stack: str) -> None:
    assert "unchanged" in copy.engine.run(["up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", stack])
    copy.engine.run(["refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", stack])


def test_a_change_behind_pulumis_back_is_reported_and_undone(copy: Copy) -> None:
    name = copy.source["copierName"]
    copy.prod.lambda_.update_function_configuration(FunctionName=name, Timeout=7)

    with pytest.raises(EngineError, match="no changes were expected"):
        copy.engine.run(["refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", "prod"])

    copy.engine.up("prod")
    assert copy.prod.lambda_.get_function_configuration(FunctionName=name)["Timeout"] == 120


def test_the_picture_in_the_readme_is_the_one_of_the_deployed_stacks(copy: Copy) -> None:
    drawn = mermaid({stack: copy.engine.resources(stack) for stack in COMMITTED_ACCOUNTS})
    for committed, used in copy.accounts.items():
        drawn = drawn.replace(used, committed)
    [shown] = re.findall(r"```mermaid\n(.*?)```", (PROJECT / "README.md").read_text(), flags=re.DOTALL)
    assert shown == drawn


def test_the_source_before_its_target_is_refused_with_the_command_to_type(undeployed: Engine) -> None:
    with pytest.raises(StackError, match=r"reads the outputs of `poc`, which is not deployed\. Type `tributary up poc"):
        deploying.up(undeployed, ["prod"], yes=True)

    # As typed: Pulumi previews first. Without a preview what needs nothing of the target may be made already.
    with pytest.raises(EngineError, match=r"pulumi up -s poc"):
        undeployed.run(["up", "--yes", "--stack", "prod"])
    assert [one for one in undeployed.resources("prod") if one["type"].startswith("aws:")] == []


def test_the_target_is_not_destroyed_under_its_source(copy: Copy) -> None:
    with pytest.raises(StackError, match=r"`poc` cannot be destroyed: `prod` reads its outputs"):
        deploying.destroy(copy.engine, ["poc"], yes=True)


def test_a_mistake_in_a_stack_file_deploys_nothing(undeployed: Engine) -> None:
    change(undeployed, "poc", "tableNme", "clicks")
    with pytest.raises(
        EngineError, match=r"Pulumi\.poc\.yaml: .*tableNme` is not a setting\. Did you mean `tableName`"
    ):
        undeployed.up("poc")
    assert undeployed.deployed() == []


def test_a_wrong_account_is_refused_before_anything_is_deployed(undeployed: Engine) -> None:
    file = undeployed.folder / "Pulumi.poc.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"]["aws:allowedAccountIds"] = ["123456789012"]
    file.write_text(yaml.safe_dump(content))

    with pytest.raises(EngineError, match="123456789012"):
        undeployed.up("poc")
    assert [one for one in undeployed.resources("poc") if one["type"].startswith("aws:")] == []


def test_an_endpoint_that_nobody_listens_on_is_named(undeployed: Engine) -> None:
    environment = {**undeployed.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9"):
        Engine(undeployed.folder, environment).up("poc")


@NEW_ACCOUNTS_DIFFER
def test_nothing_is_left_when_both_sides_are_destroyed(copy: Copy, cloud: Cloud) -> None:
    deploying.destroy(copy.engine, ["poc", "prod"], yes=True)

    assert copy.engine.deployed() == []
    assert left(cloud, "eu-west-1", copy.accounts.values()) == set()


def change(engine: Engine, stack: str, setting: str, value: object) -> None:
    """What a user does: edit the stack file."""
    file = engine.folder / f"Pulumi.{stack}.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"]["tributary:architectures"]["web-analytics"][setting] = value
    file.write_text(yaml.safe_dump(content))
