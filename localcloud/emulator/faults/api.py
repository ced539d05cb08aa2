"""The control API of faults: rules are listed, set and removed under `/_tributary/faults`."""

from typing import Any

from localcloud.emulator.control import RefusedError, Request
from localcloud.emulator.faults.rules import RuleError, RuleStore


def serve(rules: RuleStore, request: Request) -> Any:
    """GET lists the rules.

    POST adds one, PUT /<id> sets one; DELETE /<id> removes one, DELETE all. Raises RefusedError.
    """
    match request.method, request.rest:
        case "GET", "":
            return {"rules": [rule.described() for rule in rules.all()]}
        case (("POST" | "PUT"), rule_id):
            try:
                return rules.put(request.body, rule_id or None).described()
            except (RuleError, TypeError) as error:
                raise RefusedError(400, str(error)) from error
        case "DELETE", "":
            rules.clear()
            return {}
        case "DELETE", rule_id:
            rule = rules.delete(rule_id)
            if rule is None:
                raise RefusedError(404, f"There is no fault rule {rule_id!r}.")
            return rule.described()
    raise RefusedError(405, f"/_tributary/faults takes GET, POST, PUT and DELETE, not {request.method}.")
