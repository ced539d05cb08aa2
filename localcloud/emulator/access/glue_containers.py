"""What a request to the Glue Data Catalog is authorized on besides the table or database that it names.

AWS asks for the permission on what contains it as well, and for the deletion of a database on everything in it:
https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.access.authorization import decision, denial_message
from localcloud.emulator.access.callers import caller
from localcloud.emulator.access.glue_resources import OF_CRAWLERS
from localcloud.emulator.request_gate import Call, Response, before, json_error

# Operations on tables, which their `DatabaseName` tells; the others are on databases.
_OF_DATABASES = frozenset({"CreateDatabase", "DeleteDatabase", "GetDatabase", "UpdateDatabase"})


def containers(operation: str, data: Mapping[str, Any], base: str) -> Iterator[str]:
    """The ARNs beside that of the resource itself; `base` is what they begin with."""
    if operation in OF_CRAWLERS:
        return
    database = data.get("Name") if operation in _OF_DATABASES else data.get("DatabaseName")
    if operation in _OF_DATABASES or database:
        yield f"{base}:catalog"
    if operation not in _OF_DATABASES and database:
        yield f"{base}:database/{database}"
    if operation == "DeleteDatabase":
        yield f"{base}:table/{database}/*"
        yield f"{base}:userDefinedFunction/{database}/*"


def install() -> None:
    """Ask for the permission on everything that a request to the catalogue touches."""

    @before("glue")
    def containers_too(call: Call) -> Response | None:
        session, operation = caller(), call.action.partition(":")[2]
        for arn in containers(operation, call.data, f"arn:aws:glue:{get_region()}:{get_account_id()}"):
            decided = decision(session, call.action, arn, {"aws:SecureTransport": "true"})
            if not decided.allowed:
                message = denial_message(session.arn, call.action, arn, decided.reason)
                return json_error("AccessDeniedException", message, 400)
        return None
