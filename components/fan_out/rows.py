"""Targets that a stack file declares, as rows of the mapping table, and what the functions' roles need for them."""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import pulumi

from components.network_settings import ExistingNetwork, NewNetwork
from components.policies import Statement, statement
from components.regions import partition_of
from handlers.fan_out.contract import WrongRowError
from handlers.fan_out.destinations import TYPES, destination_of
from handlers.fan_out.rows import Row, item_of, row_of

# Stands for what is known only when the stack is deployed.
NOBODY = "000000000000"
SOMEWHERE = f"arn:aws:kinesis:us-east-1:{NOBODY}:stream/any"
# Such a row is complete without what its receiver's stack says.
RECEIVED = {"type": "kinesis", "destination": "any"}


def row_item(source_arn: str, target_id: str, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The item of a declared target, as DynamoDB's JSON."""
    known = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in options.items()}
    return item_of({"sourceArn": source_arn, "id": target_id, **known, "declared": True})


# Which targets nobody reaches from a network that the stack makes, by their types and how their destinations begin.
# Their endpoints there need names that the account's owner has to make.
# https://docs.aws.amazon.com/iot/latest/developerguide/IoTCore-VPC.html,
# https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-vpc.html
OUTSIDE: Mapping[str, str] = {"iot": r".", "es": r"(https?://)?(search-|[^#]+\.aoss\.)"}


def outside(row: Row, network: NewNetwork | ExistingNetwork | None) -> str | None:
    """Why a target is not reached from the functions' network, None where it is or where others made that."""
    if not isinstance(network, NewNetwork) or not re.match(OUTSIDE.get(row.type, "(?!)"), row.destination):
        return None
    return (
        f"{row.destination} is not reached from the network that the stack makes, which has no way to the internet: "
        "put such targets under another platform without `network`, or say subnets of your own from which it is"
    )


def wrong_row(
    target_id: str, received: bool, options: Mapping[str, Any], network: NewNetwork | ExistingNetwork | None
) -> str | None:
    """What is wrong with a declared target, None when nothing is; what a receiver's stack says is not looked at."""
    try:
        row = row_of(row_item(SOMEWHERE, target_id, {**(RECEIVED if received else {}), **options}))
        if not received:
            parsed(row)
            if not_reached := outside(row, network):
                return f"`targets.{target_id}.destination`: {not_reached}"
            if destination_of(row.type).in_network and network is None:
                return (
                    f"`targets.{target_id}` is reached only from inside of a network: say `network`, which "
                    "docs/fan-out.md explains"
                )
    except WrongRowError as wrong:
        return f"`targets.{target_id}.{wrong.option}`: {wrong}"
    return None


def parsed(row: Row) -> Any:
    """The row's address, as its destination has it. Raises WrongRowError."""
    if row.type not in TYPES:
        close = get_close_matches(row.type, TYPES, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise WrongRowError("type", f"type is {row.type!r}; it must be one of {', '.join(TYPES)}{meant}")
    return destination_of(row.type).parse(row)


def granted(target_id: str, options: Mapping[str, Any], account_id: pulumi.Input[str], region: str) -> list[Statement]:
    """What the functions' roles need for a declared target that is sent to without a receiver's stack."""
    source_arn = f"arn:{partition_of(region)}:kinesis:{region}:{NOBODY}:stream/any"
    row = row_of(row_item(source_arn, target_id, options))
    if row.role is not None:
        return [statement(["sts:AssumeRole"], row.role)]
    if (found := needed(row)) is None:
        return []
    actions, arn = found
    return [statement(actions, pulumi.Output.from_input(account_id).apply(lambda known: arn.replace(NOBODY, known)))]


def elsewhere(target_id: str, options: Mapping[str, Any], account_id: str) -> str | None:
    """The ARN of a declared target that is in another account than this and is sent to without a role, or None."""
    row = row_of(row_item(SOMEWHERE, target_id, options))
    found = None if row.role else needed(row)
    return None if found is None or found[1].split(":")[4] in ("", NOBODY, account_id) else found[1]


def named_for(target_id: str, options: Mapping[str, Any]) -> str:
    """The ARN that a role names for a declared target; "" for one that its network decides on."""
    row = row_of(row_item(SOMEWHERE, target_id, options))
    found = needed(row)
    return row.role or ("" if found is None else found[1])


def needed(row: Row) -> tuple[Sequence[str], str] | None:
    """The actions that a row's target needs and its ARN; None where its network decides."""
    return destination_of(row.type).grants(row, parsed(row))
