"""What LocalStack does not do: the one table by which `--target localstack` skips tests, by name and reason.

A row names the tests that need something, by their fixtures and by the beginnings of their node ids, and a probe
(integration_tests.support.probes) that looks whether it is missing: tests are skipped while it is.
integration_tests/test_localstack.py tells when it is not.
"""

import secrets
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field

from integration_tests.support import probes
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.factories import Factories, unless_gone

INTEGRATION_TESTS = "integration_tests"
COPY, REPLICA, FAN_OUT = (f"{INTEGRATION_TESTS}/{name}" for name in ("cross_account_copy", "table_replica", "fan_out"))


@dataclass(frozen=True)
class Gap:
    """Something that LocalStack does not do; `missing` looks whether that is so.

    `elsewhere` says which other LocalStack does it, if one does.
    """

    name: str
    reason: str
    missing: Callable[[probes.Probe], bool]
    tests: tuple[str, ...] = ()
    fixtures: tuple[str, ...] = ()
    elsewhere: str = ""


GAPS = (
    Gap(
        "control API",
        "faults, later alarms and the calls that were made are the local cloud's own: no other target has them",
        probes.control_api,
        (
            f"{REPLICA}/test_alarms.py",
            f"{FAN_OUT}/test_commands.py::test_a_topic_of_iot_core_is_published_to_at_the_endpoint_of_its_account",
            f"{INTEGRATION_TESTS}/real_provider",
            f"{INTEGRATION_TESTS}/local_cloud/accounts/test_calls.py",
            f"{INTEGRATION_TESTS}/local_cloud/cloudwatch/test_alarms.py",
            f"{INTEGRATION_TESTS}/local_cloud/data_planes",
            f"{INTEGRATION_TESTS}/local_cloud/faults",
            f"{INTEGRATION_TESTS}/local_cloud/messaging/test_iot.py",
        ),
        ("faults",),
    ),
    Gap(
        "message broker",
        "there is no IoT Core, so the fan-out's stories have eight of the nine types of targets",
        probes.message_broker,
        elsewhere="a licensed LocalStack has it",
    ),
    Gap(
        "permissions",
        "nothing is refused for lack of a permission, a trust policy or a usable key",
        probes.permissions,
        (
            f"{COPY}/test_trust.py",
            f"{REPLICA}/test_guarded.py::test_nobody_else_may_assume_the_writer_role",
            f"{FAN_OUT}/test_functions.py::test_a_target_that_is_away_gets_everything_later_and_the_other_gets_nothing_twice",
            f"{INTEGRATION_TESTS}/engine/test_bounded_deployer.py",
            f"{INTEGRATION_TESTS}/test_harness.py::test_a_principal_has_exactly_its_permissions",
        ),
        elsewhere="a licensed LocalStack refuses when it is started with ENFORCE_IAM=1",
    ),
    Gap(
        "glue",
        "there is no Glue and no Athena, of which each lake's catalogue and each table's `bulk` are made",
        probes.glue,
        (
            f"{INTEGRATION_TESTS}/data_lake",
            f"{REPLICA}/test_athena.py",
            f"{REPLICA}/test_backfilling.py",
            f"{REPLICA}/test_operations.py::test_athena_says_what_scans_say_and_shows_what_it_takes",
            f"{REPLICA}/test_guarded.py::test_athena_compares_exports_that_each_account_makes_of_its_own_table",
            f"{REPLICA}/test_guarded.py::test_an_exports_rows_cross_the_border_beside_the_running_stream",
        ),
        elsewhere="a licensed LocalStack has them",
    ),
    Gap(
        "foreign streams",
        "there are no event source mappings on streams of other accounts",
        probes.foreign_streams,
        (f"{INTEGRATION_TESTS}/shared_stream",),
    ),
    Gap(
        "closed shards",
        "a mapping that comes to the end of a closed shard reads the whole stream again, so no story reshards one",
        probes.closed_shards,
    ),
    Gap(
        "metrics of logs",
        "what functions log in the embedded metric format makes no metrics, so nothing tells what they counted",
        probes.metrics_of_logs,
        (
            f"{FAN_OUT}/test_platform.py::test_what_cannot_be_read_in_another_account_is_verified_by_count",
            f"{FAN_OUT}/test_platform.py::test_deliveries_to_another_account_are_all_counted_whatever_was_redriven",
        ),
    ),
    Gap(
        "simulated roles",
        "IAM fails when it is asked whether a role may assume another one",
        probes.simulated_roles,
        (f"{FAN_OUT}/test_commands.py::test_all_rows_are_validated_at_once",),
    ),
    Gap(
        "streams again",
        "a table's stream that was switched off cannot be switched on again",
        probes.streams_again,
        (
            f"{REPLICA}/test_changing.py::test_a_change_that_would_lose_data_is_refused_and_the_way_that_is_told_loses_nothing",
            f"{REPLICA}/test_operations.py::test_what_no_stream_holds_any_more_is_told_at_once_and_repaired",
        ),
    ),
    Gap(
        "item limits",
        "moto, which holds the tables without Docker, takes items that no table takes",
        probes.item_limits,
        (f"{REPLICA}/test_operations.py::test_rows_that_the_table_refuses_are_skipped_alone",),
        elsewhere="DynamoDB Local, which a container brings, refuses them",
    ),
    Gap(
        "index keys",
        "moto, which holds the tables without Docker, takes an attribute of another type than the key of its index",
        probes.index_keys,
        (f"{REPLICA}/test_guarded.py::test_an_item_that_the_replica_refuses_is_kept_whole_and_blocks_nothing",),
        elsewhere="DynamoDB Local, which a container brings, refuses it",
    ),
    Gap(
        "tokens",
        "moto, which holds the tables without Docker, makes a transaction again that comes again with its token",
        probes.tokens,
        (
            f"{FAN_OUT}/test_stores.py::TestLanesTable::test_an_attempt_that_is_repeated_adds_nothing_after_it_was_delivered",
        ),
        elsewhere="DynamoDB Local, which a container brings, makes it once",
    ),
)


@dataclass
class Missing:
    """Looks what a LocalStack lacks, each gap once and when somebody asks."""

    cloud: Cloud
    _found: dict[str, bool] = field(default_factory=dict)

    def __call__(self, name: str) -> bool:
        if name not in self._found:
            [gap] = [one for one in GAPS if one.name == name]
            self._found[name] = self._look(gap)
        return self._found[name]

    def _look(self, gap: Gap) -> bool:
        with ExitStack() as cleanup:
            own, other = (self._administrator(self.cloud.lend_account(cleanup)) for _ in range(2))
            of = {one.account_id: one for one in (own, other)}
            make = Factories(
                of.__getitem__,
                lambda prefix: f"{prefix}-{secrets.token_hex(5)}",
                lambda call, *args, **options: cleanup.callback(unless_gone, call, *args, **options),
            )
            return gap.missing(probes.Probe(self.cloud, own, other, make))

    def _administrator(self, account_id: str) -> Clients:
        return self.cloud.clients(self.cloud.session(account_id), account_id)


def gap_of(node_id: str, fixtures: Collection[str]) -> Gap | None:
    """The gap that a test falls into."""
    return next((gap for gap in GAPS if not set(gap.fixtures).isdisjoint(fixtures) or _names(gap.tests, node_id)), None)


def _names(tests: Collection[str], node_id: str) -> bool:
    return any(node_id == one or node_id.startswith((f"{one}/", f"{one}::", f"{one}[")) for one in tests)
