"""Sets faults on a running local cloud, for as long as a `with` block lasts.

    faults = Faults(endpoint)
    with faults.throttle(service="dynamodb", operation="BatchWriteItem", resource="orders", rate=0.3) as fault:
        ...
    assert fault.hits() > 0

Every method takes the selectors of a rule: `account`, `service`, `operation`, `resource` (the latter three may hold
`*` and `?`; a resource is an ARN, a name, or for S3 `bucket/key`), `skip`, `rate`, `count`, `duration_s` and `seed`.
`applied=True` lets the operation take place and loses its answer only. What is left out matches everything.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CONTROL_PATH = "/_tributary"


class FaultRuleError(ValueError):
    """The local cloud refused a rule; the message says which setting is wrong and what it may be."""


class Fault:
    """A rule that is set."""

    def __init__(self, faults: "Faults", rule: dict[str, Any]) -> None:
        self.id: str = rule["id"]
        self._faults = faults

    def hits(self) -> int:
        """How often it has struck."""
        return int(next(rule["hit"] for rule in self._faults.rules() if rule["id"] == self.id))

    def remove(self) -> None:
        self._faults.request("DELETE", f"/faults/{self.id}")


class Faults:
    """The fault rules of the local cloud at `endpoint`."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def rules(self) -> list[dict[str, Any]]:
        """Every rule that is set, with `seen` and `hit`: how many calls it selected, and struck."""
        return self.request("GET", "/faults")["rules"]  # type: ignore[no-any-return]

    def clear(self) -> None:
        """Remove every rule."""
        self.request("DELETE", "/faults")

    def add(self, effect: str, **settings: Any) -> Fault:
        """Set a rule until it is removed. Raises FaultRuleError."""
        return Fault(self, self.request("POST", "/faults", {"effect": effect, **settings}))

    @contextmanager
    def set(self, effect: str, **settings: Any) -> Iterator[Fault]:
        """Set a rule for the length of the block. Raises FaultRuleError."""
        fault = self.add(effect, **settings)
        try:
            yield fault
        finally:
            fault.remove()

    def throttle(self, **settings: Any) -> Any:
        """Calls are refused with the service's own throttling error."""
        return self.set("throttle", **settings)

    def error(self, status: int = 500, **settings: Any) -> Any:
        """Calls fail with the service's own internal error, or with `code` and `message`."""
        return self.set("error", status=status, **settings)

    def timeout(self, **settings: Any) -> Any:
        """Calls get no answer until the client gives up."""
        return self.set("timeout", **settings)

    def reset(self, **settings: Any) -> Any:
        """Connections are reset in place of an answer."""
        return self.set("reset", **settings)

    def latency(self, latency_ms: float, **settings: Any) -> Any:
        """Calls take this much longer; together with another fault, the fault comes after the wait. With
        `applied=True` the call takes place at once, and its answer waits.
        """
        return self.set("latency", latency_ms=latency_ms, **settings)

    def deny(self, **settings: Any) -> Any:
        """Calls are refused as by a service control policy."""
        return self.set("deny", **settings)

    def expire(self, **settings: Any) -> Any:
        """Temporary credentials that are used in a matching call are expired from then on.

        `count` credentials, then no more.
        """
        return self.set("expire", **settings)

    def partial(self, share: float = 0.5, **settings: Any) -> Any:
        """A part of each batch fails.

        UnprocessedItems, FailedRecordCount, FailedPutCount, Failed, by the service called.
        """
        return self.set("partial", share=share, **settings)

    def crash(self, **settings: Any) -> Any:
        """Environments break before the handler runs, or with `applied=True` before its result is known."""
        return self.set("crash", service="lambda", **settings)

    def abort(self, **settings: Any) -> Any:
        """Functions break in the middle: the environment that makes a matching call with its own role is killed,
        before the call takes place, or with `applied=True` after it.
        """
        return self.set("abort", **settings)

    def duplicate(self, **settings: Any) -> Any:
        """Records come twice: from DynamoDB in a Kinesis stream, or with `service="lambda"` whole batches."""
        return self.set("duplicate", **settings)

    def reorder(self, **settings: Any) -> Any:
        """Records that DynamoDB writes to a Kinesis stream change places."""
        return self.set("reorder", **settings)

    def throughput(self, **settings: Any) -> Any:
        """Provisioned capacity of tables and limits of shards are enforced."""
        return self.set("throughput", **settings)

    def expire_items(self, account: str | None = None, table: str | None = None) -> int:
        """Have DynamoDB delete now what Time to Live says has expired; returns how many items that were."""
        wanted = {name: value for name, value in (("account", account), ("table", table)) if value}
        return int(self.request("POST", "/expiry", wanted)["deleted"])

    def reshard(self, stream_arn: str, into: int = 1, shard_id: str | None = None) -> list[str]:
        """Have every open shard of a table's stream, or one, close and `into` children take over; returns the open
        shards.

        One child is a shard that rolls over, more are a split. On AWS this happens by itself.
        """
        wanted = {"stream": stream_arn, "into": into, **({"shard": shard_id} if shard_id else {})}
        return self.request("POST", "/shards", wanted)["open"]  # type: ignore[no-any-return]

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the control API. Raises FaultRuleError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._endpoint}{CONTROL_PATH}{path}", data=data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                return json.load(response)  # type: ignore[no-any-return]
        except urllib.error.HTTPError as refused:
            raise FaultRuleError(json.load(refused)["message"]) from None
