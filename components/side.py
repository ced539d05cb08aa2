"""What the sides of architectures are made of: one customer key, one bucket for what fails, functions, alarms."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import pulumi

from components.bucket import PrivateBucket, PrivateBucketArgs
from components.code import FunctionCode
from components.event_source import EventSource
from components.function import FunctionNetwork, StreamFunction, StreamFunctionArgs
from components.key import EncryptionKey, EncryptionKeyArgs
from components.monitoring import Graph, Monitoring, MonitoringArgs, Watch, function_watches
from components.policies import Statement
from components.regions import partition_of
from components.settings import Architecture, FunctionSettings
from handlers.shared.places import PROGRESS_PREFIX

# How far a function got inside a record says nothing any more after an hour.
PROGRESS_DAYS = 1


class SideArgs(Protocol):
    """What the arguments of every side have: its settings, and where the stack is deployed."""

    @property
    def settings(self) -> Architecture: ...
    @property
    def account_id(self) -> pulumi.Input[str]: ...
    @property
    def region(self) -> str: ...


class Side:
    """Declares the parts of a side as children of its component, by names that begin with the component's.

    `key_statements` are added to the key's policy, `expire_prefix_days` to what the on-failure bucket deletes.
    Functions and alarms know of each other: `monitoring` watches every function that was declared before.
    """

    def __init__(
        self,
        name: str,
        args: SideArgs,
        child: pulumi.ResourceOptions,
        *,
        key_description: str,
        key_statements: Sequence[Statement] = (),
        key_alias: str | None = None,
        expire_prefix_days: Mapping[str, int] | None = None,
    ) -> None:
        self._name = name
        self._args = args
        self._child = child
        self._watches: list[Watch] = []
        self._expire_prefix_days = {PROGRESS_PREFIX: PROGRESS_DAYS, **(expire_prefix_days or {})}
        self.key = EncryptionKey(
            name,
            EncryptionKeyArgs(
                description=key_description,
                account_id=args.account_id,
                partition=partition_of(args.region),
                alias=key_alias,
                statements=list(key_statements) or None,
                deletion_protection=args.settings.deletion_protection,
            ),
            child,
        )

    @cached_property
    def failures(self) -> PrivateBucket:
        """The on-failure destination of the side's functions."""
        return PrivateBucket(
            f"{self._name}-failures",
            PrivateBucketArgs(
                key_arn=self.key.arn,
                expire_prefix_days=self._expire_prefix_days,
                force_destroy=not self._args.settings.deletion_protection,
            ),
            self._child,
        )

    def stream_function(
        self,
        label: str,
        *,
        code: FunctionCode,
        role_name: str,
        settings: FunctionSettings,
        sources: Mapping[str, EventSource],
        environment: pulumi.Input[Mapping[str, Any]],
        statements: Sequence[Statement] = (),
        sets_aside: bool = True,
        keeps_progress: bool = False,
        watches_sources: bool = True,
        network: FunctionNetwork | None = None,
    ) -> StreamFunction:
        """A function on streams. `watches_sources` says that this account has the metrics of its sources."""
        function = StreamFunction(
            f"{self._name}-{label}",
            StreamFunctionArgs(
                code=code,
                role_name=role_name,
                settings=settings,
                sources=dict(sources),
                failures=self.failures,
                key_arn=self.key.arn,
                account_id=self._args.account_id,
                region=self._args.region,
                environment=environment,
                statements=list(statements),
                sets_aside=sets_aside,
                keeps_progress=keeps_progress,
                network=network,
            ),
            self._child,
        )
        self._watches += function_watches(
            label,
            function.name,
            function.mapping_ids,
            settings.maximum_record_age_seconds,
            function.source_arns if watches_sources else None,
        )
        return function

    def monitoring(self, watches: Sequence[Watch] = (), graphs: Sequence[Graph] = ()) -> Monitoring:
        """The alarms and the dashboard of the side: its functions', and these; `graphs` have no alarm."""
        return Monitoring(
            self._name,
            MonitoringArgs(
                watches=[*self._watches, *watches],
                graphs=list(graphs),
                region=self._args.region,
                alarm_topic_arn=self._args.settings.alarm_topic_arn,
            ),
            self._child,
        )
