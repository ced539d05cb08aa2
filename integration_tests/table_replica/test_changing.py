"""A running, protected replica is changed: what would lose data is refused, and the way that is told loses nothing."""

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
import yaml

from integration_tests.support.addressing import Cloud
from integration_tests.support.deployments import NEW_ACCOUNTS_DIFFER, PROJECT, Deployment, left, prepare
from integration_tests.table_replica.deployed import (
    COMMITTED_ACCOUNT,
    INSTANCE,
    REGION,
    REPLICATOR,
    Deployed,
    Eventually,
    keys,
    request_item,
)
from operations import deploying
from operations.engine import Engine
from operations.errors import EngineError, StackError
from operations.instruments import holding

pytestmark = pytest.mark.local

PROTECTED: Mapping[str, Any] = {
    "source": {"capacity": "on-demand"},
    "replica": {"capacity": "on-demand"},
    "replicator": REPLICATOR,
}


def change(engine: Engine, stack: str, **settings: Any) -> None:
    """Write settings of the stack's one instance into its file."""
    path = engine.folder / f"Pulumi.{stack}.yaml"
    content = yaml.safe_load(path.read_text())
    content["config"]["tributary:architectures"][INSTANCE].update(settings)
    path.write_text(yaml.safe_dump(content))


def replicated(deployed: Deployed) -> set[str]:
    """The keys at the far end."""
    return {item["PK"]["S"] for item in deployed.items(deployed.replica.replica).values()}


def take_apart(engine: Engine) -> None:
    """What is told to somebody who wants to be rid of a protected stack."""
    change(engine, "workshop", deletionProtection=False)
    engine.up("workshop")
    deploying.destroy(engine, ["workshop"], yes=True)


@pytest.fixture(scope="module")
def live(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The stack `workshop` with its deletion protection on."""
    with ExitStack() as cleanup:
        account = cloud.lend_account(cleanup)
        accounts = {COMMITTED_ACCOUNT: account}
        engine = prepare(cloud, tmp_path_factory.mktemp("changing"), {"workshop": PROTECTED}, accounts)

        if not cloud.ends_with_the_tests:
            cleanup.callback(take_apart, engine)
        deploying.up(engine, ["workshop"], yes=True)
        deployment = Deployment(engine, accounts, {"workshop": engine.outputs("workshop")})
        yield Deployed(deployment, cloud, "workshop", account, account)


def test_staging_runs_beside_production_in_one_account(
    live: Deployed, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, eventually: Eventually
) -> None:
    engine = live.engine
    committed = yaml.safe_load((PROJECT / "Pulumi.workshop.yaml").read_text().replace(COMMITTED_ACCOUNT, live.account))
    committed["config"]["tributary:architectures"][INSTANCE].update(PROTECTED, deletionProtection=False)
    file = engine.folder / "Pulumi.staging.yaml"
    file.write_text(yaml.safe_dump(committed))
    taken = r"Pulumi\.staging\.yaml: .* which `logfile` of Pulumi\.workshop\.yaml makes .* Set `namePrefix: staging-`"
    with pytest.raises(StackError, match=taken):
        deploying.up(engine, ["staging"], yes=True)
    engine.ensure(["staging"])
    with pytest.raises(EngineError, match=taken):
        engine.up("staging")
    assert not [one for one in engine.resources("staging") if one["type"].startswith("aws:")]

    change(engine, "staging", namePrefix="staging-")
    with ExitStack() as cleanup:
        cleanup.callback(file.unlink)
        cleanup.callback(engine.destroy, "staging")
        deploying.up(engine, ["staging"], yes=True)
        deployment = Deployment(engine, {}, {"staging": engine.outputs("staging")})
        staging = Deployed(deployment, cloud, "staging", live.account, live.account)
        assert staging.outputs["sourceTableName"] == "staging-logfile"
        live.put(request_item(1))
        staging.put(request_item(2))
        for one, number in ((live, 1), (staging, 2)):
            eventually(one.equal)
            assert replicated(one) == set(keys([number]))


def test_a_change_that_would_lose_data_is_refused_and_the_way_that_is_told_loses_nothing(
    live: Deployed, eventually: Eventually
) -> None:
    engine, before = live.engine, live.stream_arn()
    lambda_, mapping_id = live.replica.lambda_, live.replica.mapping_id

    # Forty changes wait in the stream when somebody wants other images in it.
    holding.pause(lambda_, mapping_id)
    for number in range(100, 140):
        live.put(request_item(number))
    change(engine, "workshop", source={**PROTECTED["source"], "streamView": "NEW_AND_OLD_IMAGES"})
    with pytest.raises(StackError) as refused:
        deploying.up(engine, ["workshop"], yes=True)
    told = str(refused.value)
    assert "because of its eventSourceArn: what it has not read yet of the table's old stream would be lost" in told
    with pytest.raises(EngineError, match="currently marked for protection"):
        engine.run(["up", "--yes", "--stack", "workshop"])
    assert live.stream_arn() == before
    assert lambda_.get_event_source_mapping(UUID=mapping_id)["EventSourceArn"] == before

    # What is told is done: wait for what is on its way, give up the mapping, deploy.
    holding.resume(lambda_, mapping_id)
    assert live.verify().equal
    commands = re.findall(r"`(pulumi state unprotect [^`]*)`", told)
    assert len(commands) == 1
    for command in commands:
        engine.run(shlex.split(command)[1:])
    deploying.up(engine, ["workshop"], yes=True)
    live.find_mapping()
    assert live.stream_arn() != before
    live.put(request_item(140))
    eventually(live.equal)
    assert replicated(live) >= set(keys(range(100, 141)))


@pytest.mark.parametrize(
    ("settings", "lost", "advice"),
    [
        (
            {"source": {**PROTECTED["source"], "tableName": "other"}},
            "the table `logfile` would be replaced, because of its name",
            "the new one is made beside the old one",
        ),
        ({"namePrefix": "v2-"}, "would be deleted", r"put it back with `deletionProtection: false`"),
    ],
    ids=["name", "prefix"],
)
def test_data_is_not_replaced(live: Deployed, settings: dict[str, Any], lost: str, advice: str) -> None:
    path = live.engine.folder / "Pulumi.workshop.yaml"
    as_it_was, resources = path.read_text(), live.engine.resources("workshop")
    change(live.engine, "workshop", **settings)
    try:
        with pytest.raises(StackError) as refused:
            deploying.up(live.engine, ["workshop"], yes=True)
        assert lost in str(refused.value)
        assert advice in str(refused.value)
        assert live.engine.resources("workshop") == resources
    finally:
        path.write_text(as_it_was)


def test_a_protected_stack_is_not_taken_apart(live: Deployed) -> None:
    resources = live.engine.resources("workshop")
    with pytest.raises(StackError, match=r"holds protected data: .*table `logfile`.* Nothing was destroyed\."):
        deploying.destroy(live.engine, ["workshop"], yes=True)
    with pytest.raises(EngineError, match="it is protected"):
        live.engine.run(["destroy", "--yes", "--stack", "workshop"])
    assert live.engine.resources("workshop") == resources


@NEW_ACCOUNTS_DIFFER
def test_nothing_is_left_when_it_is_unprotected_and_destroyed(live: Deployed, cloud: Cloud) -> None:
    take_apart(live.engine)

    assert live.engine.deployed() == []
    assert left(cloud, REGION, [live.account]) == set()
