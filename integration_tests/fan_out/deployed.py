"""A deployed fan-out platform and the partner that receives from it, as the stories of this package use them."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import Deployment, deploy, prepare

INSTANCE = "fan-out"
PLATFORM, PARTNER = "111111111111", "222222222222"
REGION = "eu-west-1"


class FannedOut:
    """The platform and the partner of the committed stack files, in accounts of their own."""

    def __init__(self, deployment: Deployment, cloud: Cloud) -> None:
        self.engine = deployment.engine
        self.accounts = deployment.accounts
        self.outputs = deployment.outputs["platform"][INSTANCE]
        self.received = deployment.outputs["partner"][INSTANCE]
        self.platform, self.partner = (
            Clients(cloud.session(account), account, cloud.endpoint, REGION)
            for account in (deployment.accounts[known] for known in (PLATFORM, PARTNER))
        )


def deployed(cloud: Cloud, folder: Path, cleanup: ExitStack, changes: Mapping[str, Any] | None = None) -> FannedOut:
    """Deploy both stacks; `changes` are settings of the platform."""
    account_ids = {committed: cloud.new_account() for committed in (PLATFORM, PARTNER)}
    settings: Mapping[str, Mapping[str, Any]] = {
        "platform": {"deletionProtection": False, **(changes or {})},
        "partner": {"deletionProtection": False, "platform": {"accountId": account_ids[PLATFORM]}},
    }
    engine = prepare(cloud, folder, settings, account_ids)
    return FannedOut(deploy(engine, account_ids, cleanup), cloud)
