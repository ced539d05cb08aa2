"""The committed stacks, platform and partner: what is put arrives at each target, and what is ill hurts nobody else."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration_tests.fan_out.deployed import INSTANCE, REGION, FannedOut, deployed
from integration_tests.support import alarms
from integration_tests.support.addressing import Cloud
from integration_tests.support.deployments import NEW_ACCOUNTS_DIFFER, PROJECT, left
from integration_tests.support.factories import objects
from integration_tests.support.typing_commands import Tributary, typed_in
from localcloud.faults import Faults
from operations import deploying
from operations.cross_account_copy.sending import Record
from operations.diagram import mermaid

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]
KEYS = 23


@pytest.fixture(scope="module")
def fanned_out(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FannedOut]:
    """Both stacks, in a network without a way to the internet, and a target that is registered at run time."""
    with ExitStack() as cleanup:
        found = deployed(cloud, tmp_path_factory.mktemp("fanned-out"), cleanup, lambda _: {"network": {}})
        found.register("target1", type="kinesis", destination="outputStream", order="key")
        yield found


@pytest.fixture
def tributary(fanned_out: FannedOut, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    return typed_in(fanned_out.engine, monkeypatch, capsys)


def numbered(count: int, start: int = 0) -> list[Record]:
    """Records over many partition keys; each says the place that it has among those of its key."""
    return [Record(f"key-{number % KEYS}", f"record {number}".encode()) for number in range(start, start + count)]


def by_key(records: list[Record]) -> dict[str, list[bytes]]:
    """What there is of each partition key, in order."""
    found: dict[str, list[bytes]] = {}
    for record in records:
        found.setdefault(record.partition_key, []).append(record.data)
    return found


def arrive(fanned_out: FannedOut, eventually: Eventually, *targets: str) -> None:
    """Everything that was put is at these targets once, in the order of each key."""
    for target in targets or ("partner", "target1"):
        eventually(
            lambda target=target: by_key(fanned_out.arrived(target)),
            equals=by_key(fanned_out.put_so_far),
            timeout=90,
            interval=0.3,
        )


def test_every_record_arrives_once_and_in_order_in_both_accounts(fanned_out: FannedOut, eventually: Eventually) -> None:
    fanned_out.put(numbered(700))
    arrive(fanned_out, eventually)


def test_what_cannot_be_read_in_another_account_is_verified_by_count(
    fanned_out: FannedOut, eventually: Eventually, tributary: Tributary
) -> None:
    fanned_out.put(numbered(100, start=700))
    arrive(fanned_out, eventually)
    # What was delivered before the first record that the stream still has makes up for none that is missing.
    fanned_out.count_delivered("partner", 1_000, datetime.now(UTC) - timedelta(hours=3))
    code, out, _ = tributary("verify", "platform")
    by_count, by_contents = out.splitlines()
    count = len(fanned_out.put_so_far)
    told = f"{count} of {count} messages"
    assert (code, by_contents) == (0, f"Equal inputStream → target1: {told} as sent")
    assert by_count.startswith(f"Equal inputStream → partner: {told} delivered by count: it is in another")
    assert "more than once" not in by_count


def test_a_target_that_is_away_gets_everything_later_and_keeps_nobody_waiting(
    fanned_out: FannedOut, eventually: Eventually, faults: Faults
) -> None:
    # Given a partner who takes nothing
    with faults.deny(account=fanned_out.partner.account_id, service="kinesis", operation="PutRecords"):
        fanned_out.put(numbered(300, start=1_000))
        # The others get what is theirs
        arrive(fanned_out, eventually, "target1")
        eventually(lambda: fanned_out.behind(), equals={"partner"}, timeout=30)
        fanned_out.put(numbered(300, start=2_000))
        arrive(fanned_out, eventually, "target1")
    # When he is there again everything comes, in order, and nobody got anything twice
    arrive(fanned_out, eventually)
    eventually(lambda: fanned_out.behind(), equals=set(), timeout=60)
    fanned_out.put(numbered(50, start=3_000))
    arrive(fanned_out, eventually)


def test_the_picture_in_the_docs_is_the_one_of_the_deployed_stacks(fanned_out: FannedOut) -> None:
    drawn = mermaid({stack: fanned_out.engine.resources(stack) for stack in ("partner", "platform")})
    for committed, used in fanned_out.accounts.items():
        drawn = drawn.replace(used, committed)
    [shown] = re.findall(r"```mermaid\n(.*?)```", (PROJECT / "docs" / "fan-out.md").read_text(), flags=re.DOTALL)
    assert shown == drawn


def test_each_alarm_goes_on_when_what_it_is_for_happens(
    fanned_out: FannedOut, cloud: Cloud, eventually: Eventually, faults: Faults
) -> None:
    # Given a row that cannot be followed, one that makes nothing of the data, and one whose target is not there
    fanned_out.register("wrong", type="sqss", destination="anything")
    fanned_out.register("picky", type="kinesis", destination="outputStream", transform="a.b")
    fanned_out.register("lost", type="kinesis", destination="no-such-stream", retrySeconds=1)
    behind = "tributary-fan-out-behind"
    try:
        with alarms.changed(fanned_out.platform, behind, threshold=0):

            def sweep() -> set[str]:
                fanned_out.platform.lambda_.invoke(FunctionName="fanout-drainer", Payload=b"{}")
                return fanned_out.alarms()

            # What rows say is in force within a minute.
            fanned_out.put(numbered(1, start=4_000))
            wanted = {"behind", "undelivered", "wrong-rows", "source-poisoned"}
            seen: set[str] = set()

            def all_seen() -> set[str]:
                fanned_out.put(numbered(1, start=4_000 + len(fanned_out.put_so_far)))
                seen.update(sweep())
                return seen

            eventually(all_seen, until=lambda found: wanted <= found, timeout=120, interval=2)
    finally:
        for target_id in ("wrong", "picky", "lost"):
            fanned_out.unregister(target_id)
    with faults.crash(resource="fanout-drainer", count=1):
        fanned_out.platform.lambda_.invoke(FunctionName="fanout-drainer", Payload=b"{}")
    eventually(fanned_out.alarms, until=lambda found: "drainer-errors" in found, timeout=30)
    later = alarms.later(cloud, fanned_out.platform, 1800)
    assert later["tributary-fan-out-drainer-not-running"] == "ALARM"
    arrive(fanned_out, eventually)


def test_what_is_wrong_is_shown_redriven_and_verified_by_the_verbs_of_all_kinds(
    fanned_out: FannedOut, eventually: Eventually, tributary: Tributary
) -> None:
    # Given a target that makes nothing of the data, since its row says so
    fanned_out.register("target1", type="kinesis", destination="outputStream", order="key", transform="no.such")

    def refused() -> list[str]:
        fanned_out.put(numbered(1, start=5_000 + len(fanned_out.put_so_far)))
        return list(objects(fanned_out.platform.s3, fanned_out.outputs["failureBucketName"], "targets/target1/"))

    eventually(refused, timeout=90, interval=2)
    # Then status says so, and verify does not miss what nobody was to deliver
    code, out, _ = tributary("status", "platform", "--json")
    [seen] = json.loads(out)["stacks"]
    targets = {one["id"]: one for one in seen["instances"][INSTANCE]["targets"]}
    assert (code, targets["partner"]["kept"], targets["target1"]["behindS"]) == (1, 0, None)
    assert targets["target1"]["kept"] >= 1
    assert "`tributary redrive platform --instance fan-out`" in str(seen["findings"])
    # When the row is put right, redriving delivers it
    fanned_out.register("target1", type="kinesis", destination="outputStream", order="key")

    def redriven() -> int:
        return tributary("redrive", "platform", "--yes", "--json")[0]

    eventually(redriven, equals=0, timeout=90, interval=2)
    for target_id in ("partner", "target1"):
        wanted = {key: sorted(data) for key, data in by_key(fanned_out.put_so_far).items()}
        eventually(
            lambda target_id=target_id: {
                key: sorted(data) for key, data in by_key(fanned_out.arrived(target_id)).items()
            },
            equals=wanted,
            timeout=90,
            interval=0.3,
        )
    out = tributary("verify", "platform", "--json", "--longest", "5")[1]
    verified = {one["target"]: one for one in json.loads(out)["targets"]}
    assert {name: one["by"] for name, one in verified.items()} == {"partner": "counts", "target1": "contents"}
    assert verified["target1"]["verdict"]["missing"] == []
    assert verified["target1"]["verdict"]["expected"] == len(fanned_out.put_so_far)
    assert verified["target1"]["verdict"]["repeated"] == 0


def test_deliveries_to_another_account_are_all_counted_whatever_was_redriven(
    fanned_out: FannedOut, eventually: Eventually, tributary: Tributary
) -> None:
    fanned_out.put(numbered(100, start=9_000))
    arrive(fanned_out, eventually, "partner")
    out = tributary("verify", "platform", "--json", "--longest", "5")[1]
    [partner] = [one for one in json.loads(out)["targets"] if one["target"] == "partner"]
    assert (partner["by"], partner["verdict"]["missing"]) == ("counts", [])


@NEW_ACCOUNTS_DIFFER
def test_nothing_is_left_when_platform_and_partner_are_destroyed(fanned_out: FannedOut, cloud: Cloud) -> None:
    deploying.destroy(fanned_out.engine, ["partner", "platform"], yes=True)

    assert fanned_out.engine.deployed() == []
    assert left(cloud, REGION, fanned_out.accounts.values()) == set()
