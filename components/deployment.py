"""From a stack's settings to its components: the table of how each kind is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.cross_account_copy.settings import SourceSettings, TargetAccess, TargetSettings
from components.cross_account_copy.source import CopySource, CopySourceArgs
from components.cross_account_copy.target import CopyTarget, CopyTargetArgs
from components.peers import peer_outputs
from components.settings import Architecture

Outputs = Mapping[str, pulumi.Input[object]]


@dataclass(frozen=True)
class Place:
    """Where a stack is deployed."""

    account_id: pulumi.Input[str]
    region: str


def deploy(architectures: Mapping[str, Architecture], place: Place) -> dict[str, Outputs]:
    """Declare the components of every architecture of a stack; the result is what the stack exports."""
    return {name: BUILDERS[settings.kind](name, settings, place) for name, settings in architectures.items()}


def _copy_target(name: str, settings: TargetSettings, place: Place) -> Outputs:
    args = CopyTargetArgs(settings=settings, account_id=place.account_id, region=place.region)
    return CopyTarget(name, args).outputs


def _copy_source(name: str, settings: SourceSettings, place: Place) -> Outputs:
    target = settings.target
    granted: Mapping[str, Any] = (
        {
            "writerRoleArn": target.role_arn,
            "region": target.region,
            "tables": target.tables,
        }
        if isinstance(target, TargetAccess)
        else peer_outputs(target, name, ["writerRoleArn", "region", "tables"])
    )
    args = CopySourceArgs(
        settings=settings,
        account_id=place.account_id,
        region=place.region,
        target_role_arn=granted["writerRoleArn"],
        target_region=granted["region"],
        target_tables=granted["tables"],
    )
    return CopySource(name, args).outputs


BUILDERS: Mapping[str, Callable[[str, Any, Place], Outputs]] = {
    "cross-account-copy/source": _copy_source,
    "cross-account-copy/target": _copy_target,
}
