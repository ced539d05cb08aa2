"""Compares what each target should have got with what it has, or where nobody can read it, with what was delivered."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from handlers.fan_out.backlog import messages_of
from handlers.fan_out.contract import Message
from handlers.fan_out.failures import TARGETS_PREFIX
from handlers.fan_out.inputs import Inputs
from handlers.fan_out.lanes_table import LanesTable
from handlers.fan_out.mapping import MappingTable, Target
from handlers.fan_out.rendering import render
from handlers.shared.report import NAMESPACE
from operations.access import Far
from operations.errors import AccountError
from operations.fan_out.backlogs import MOST_ENTRIES, BotoCalls
from operations.fan_out.comparing import Arrived, Verdict, compare
from operations.fan_out.platform import Platform, Source
from operations.fan_out.streams import lambda_records, pages
from operations.instruments.metrics import Metric, total
from operations.instruments.patience import Patience

# Between two looks at what is still missing.
LOOK_S = 2.0
CONTENTS, COUNTS = "contents", "counts"


@dataclass(frozen=True)
class Verified:
    """A target of a source; `by` says whether its contents were read or deliveries counted, `why` why not contents."""

    source: str
    target: str
    by: str
    why: str
    verdict: Verdict


@dataclass(frozen=True)
class Verification:
    """`since` None means from the horizon. `far` reaches the accounts of targets that have a role."""

    platform: Platform
    since: datetime | None
    far: Far
    patience: Patience

    def verified(self) -> tuple[list[Verified], list[str]]:
        """Every active target of every Kinesis source; and the sources that cannot be read again."""
        dynamodb = self.platform.client("dynamodb")
        mapping = MappingTable(self.platform.targets_table, lambda: dynamodb)
        found: list[Verified] = []
        unread = []
        for source in self.platform.sources:
            if source.arn.split(":")[2] != "kinesis":
                unread.append(source.arn)
                continue
            targets = [one for one in mapping.targets(source.arn).rows if one.row.active]
            expected, began = self._expected(source, targets)
            found += [self._one(source, target, expected[target.row.id], began) for target in targets]
        return found, unread

    def _expected(self, source: Source, targets: Sequence[Target]) -> tuple[Mapping[str, list[Message]], datetime]:
        """What each target should have got of what the source still has, and when the first of that arrived there."""
        began = datetime.now(UTC)
        expected: dict[str, list[Message]] = {target.row.id: [] for target in targets}
        for shard_id, page in pages(self.platform.client("kinesis"), source.name, self.since):
            began = min(began, *(record["ApproximateArrivalTimestamp"] for record in page))
            inputs = Inputs(lambda_records(source.rows_arn, shard_id, page))
            for target in targets:
                rendered = render(inputs, target.row, target.destination.takes_records)
                expected[target.row.id] += [one for one in rendered if isinstance(one, Message)]
        return expected, began

    def _one(self, source: Source, target: Target, expected: Sequence[Message], began: datetime) -> Verified:
        read, why = self._reader(target)

        def look() -> Verdict:
            # Before what arrived: what leaves the backlog meanwhile is there by then.
            waiting, failed = self._waiting(source, target.row.id), self._failed(target.row.id)
            if read is not None:
                return compare(expected, waiting, failed, read(), target.ordered)
            return self._counted(target.row.id, expected, waiting, failed, began)

        verdict = look()
        deadline = self.patience.clock() + self.patience.longest_s
        while not verdict.equal and self.patience.clock() < deadline:
            self.patience.sleep(LOOK_S)
            verdict = look()
        return Verified(source.name, target.row.id, COUNTS if read is None else CONTENTS, why, verdict)

    def _counted(
        self, target_id: str, expected: Sequence[Message], waiting: set[str], failed: set[str], began: datetime
    ) -> Verdict:
        """By what the functions counted from then on: that many were taken, which of them nobody can say."""
        wanted = [one for one in expected if one.id not in waiting | failed]
        metric = Metric(NAMESPACE, "Delivered", {"FunctionName": self.platform.function, "Target": target_id}, "Sum")
        delivered = round(total(self.platform.client("cloudwatch"), metric, began))
        missing = max(0, len(wanted) - delivered)
        return Verdict(
            expected=len(wanted),
            waiting=sum(one.id in waiting for one in expected),
            failed=sum(one.id in failed - waiting for one in expected),
            missing=[f"{missing} of {len(wanted)}"] if missing else [],
            repeated=max(0, delivered - len(wanted)),
        )

    def _waiting(self, source: Source, target_id: str) -> set[str]:
        """The ids of the messages in a target's backlog."""
        table = LanesTable(self.platform.lanes_table, BotoCalls(self.platform.client("dynamodb")))
        objects = (
            entry.object
            for lane in table.behind_of(source.rows_arn, target_id)
            for entry in table.entries(lane, MOST_ENTRIES)
        )
        return {message.id for key in objects for message in messages_of(self._stored(key))}

    def _failed(self, target_id: str) -> set[str]:
        """The ids of the messages of a target in the on-failure bucket."""
        s3, bucket = self.platform.client("s3"), self.platform.bucket
        listed = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{TARGETS_PREFIX}{target_id}/")
        keys = [one["Key"] for page in listed for one in page.get("Contents", [])]
        return {message.id for key in keys for message in messages_of(self._stored(key))}

    def _stored(self, key: str) -> Sequence[Mapping[str, Any]]:
        s3 = self.platform.client("s3")
        try:
            body = s3.get_object(Bucket=self.platform.bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return ()  # delivered meanwhile
        found: Sequence[Mapping[str, Any]] = json.loads(body).get("messages", ())
        return found

    def _reader(self, target: Target) -> tuple[Callable[[], Iterator[Arrived]] | None, str]:
        """What reads the target's contents, None where nobody can, and why."""
        make = READERS.get(target.row.type)
        if make is None:
            return None, f"what a target of type {target.row.type} got cannot be read again"
        region = target.row.region or self.platform.at.stack.region
        role = target.row.role
        if role is None:
            return make(lambda service: self.platform.client(service, region), target, self.since), ""
        if not self.far.given:
            return None, "it is in another account: `--far-role` or `--far-profile` has it read"
        try:
            account = self.far.account(self.platform.at.engine, self.platform.at.stack.name, region, role.split(":")[4])
        except AccountError as error:
            return None, str(error)
        return make(account.client, target, self.since), ""


Client = Callable[[str], Any]


def _stream(client: Client, target: Target, since: datetime | None) -> Callable[[], Iterator[Arrived]]:
    name = target.address.named.name

    def read() -> Iterator[Arrived]:
        for _, page in pages(client("kinesis"), name, since):
            yield from (Arrived(record["PartitionKey"], record["Data"]) for record in page)

    return read


# Type of target → what makes the function that reads it. A queue's messages are its consumers', a topic keeps none, a
# delivery stream's are in a bucket with those of others, a cache has the last of each key, and is in a network.
READERS: Mapping[str, Callable[[Client, Target, datetime | None], Callable[[], Iterator[Arrived]]]] = {
    "kinesis": _stream,
}
