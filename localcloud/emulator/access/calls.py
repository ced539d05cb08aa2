"""Which actions each principal was asked about, and whether it may: what CloudTrail would tell of a deployment.

`GET /_tributary/calls/<account>` answers with the sessions of the account: ARN → `allowed` and `denied`, each an action
with the resources it was asked for on, since the last reset or DELETE.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from collections import defaultdict
from typing import Any

from localcloud.emulator.access.authorization import Session
from localcloud.emulator.control import RefusedError, Request, route
from localcloud.emulator.resetting import on_reset

# A table is deployed with a few hundred calls; whoever works for days is told what came first.
LONGEST = 1000  # resources an action is kept with

_Actions = dict[str, dict[str, None]]
_asked: dict[str, dict[str, dict[bool, _Actions]]] = {}


def note(session: Session, action: str, resource_arn: str, allowed: bool) -> None:
    """Keep one decision."""
    sessions = _asked.setdefault(session.account_id, {})
    actions = sessions.setdefault(session.arn, {True: defaultdict(dict), False: defaultdict(dict)})[allowed]
    resources = actions[action]
    if len(resources) < LONGEST:
        resources[resource_arn] = None


def _serve(request: Request) -> Any:
    match request.method, request.rest:
        case "GET", account_id if account_id:
            return {
                arn: {"allowed": _listed(asked[True]), "denied": _listed(asked[False])}
                for arn, asked in _asked.get(account_id, {}).items()
            }
        case "DELETE", account_id if account_id:
            _asked.pop(account_id, None)
            return {}
    raise RefusedError(405, f"/_tributary/calls/<account id> takes GET and DELETE, not {request.method}.")


def _listed(actions: _Actions) -> dict[str, list[str]]:
    return {action: sorted(resources) for action, resources in sorted(actions.items())}


def install() -> None:
    """Serve the record."""
    on_reset(_asked.clear)
    route("calls", _serve)
