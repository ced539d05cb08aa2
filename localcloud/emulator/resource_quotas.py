"""Quotas of services that no other addition is about: dashboards of CloudWatch and aliases of KMS.

The numbers are in `quotas`. What is wrong with a dashboard AWS says in DashboardInvalidInputError:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
"""

import json
import re
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator import quotas
from localcloud.emulator.access.keys import KmsError, find_key
from localcloud.emulator.request_gate import Call, Response, before, json_error

_DASHBOARD_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{quotas.DASHBOARD_NAME_CHARACTERS.most}}}")


def dashboard_problem(name: str, body: str) -> str | None:
    """Why CloudWatch does not take a dashboard; None when it does."""
    if not _DASHBOARD_NAME.fullmatch(name):
        most = quotas.DASHBOARD_NAME_CHARACTERS.most
        return f"The dashboard name {name!r} may have up to {most} characters out of A-Z, a-z, 0-9, '-' and '_'."
    try:
        widgets = json.loads(body)["widgets"]
        counts = [_metrics_of(widget) for widget in widgets]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "The field DashboardBody must be a valid JSON object with an array of widgets."
    if max(counts, default=0) > quotas.METRICS_OF_A_WIDGET.most:
        return f"A widget has {max(counts)} metrics; it may have {quotas.METRICS_OF_A_WIDGET.most}."
    if sum(counts) > quotas.METRICS_OF_A_DASHBOARD.most:
        return f"The dashboard has {sum(counts)} metrics; it may have {quotas.METRICS_OF_A_DASHBOARD.most}."
    return None


def _metrics_of(widget: Any) -> int:
    metrics: list[Any] = (widget.get("properties") or {}).get("metrics") or []
    return len(metrics)


def _too_many_aliases(key: str) -> bool:
    from ministack.services import kms

    try:
        found = find_key(key, get_account_id(), get_region())
    except KmsError:
        return False  # the service says so
    key_id = (found.record or {}).get("KeyId")
    aliases = [one for _, one in kms._aliases.items_scoped(found.account_id, found.region) if one == key_id]
    return len(aliases) >= quotas.ALIASES_OF_A_KEY.most


def install() -> None:
    @before("monitoring")
    def dashboards(call: Call) -> Response | None:
        if call.action != "cloudwatch:PutDashboard":
            return None
        data = call.data
        problem = dashboard_problem(str(data.get("DashboardName") or ""), str(data.get("DashboardBody") or ""))
        return json_error("InvalidParameterInput", problem) if problem else None

    @before("kms")
    def aliases(call: Call) -> Response | None:
        adds = call.action in ("kms:CreateAlias", "kms:UpdateAlias") and call.data.get("TargetKeyId")
        if not adds or not _too_many_aliases(str(call.data["TargetKeyId"])):
            return None
        return json_error("LimitExceededException", f"A key may have {quotas.ALIASES_OF_A_KEY.most} aliases.")
