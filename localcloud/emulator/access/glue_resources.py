"""Names the resource that a request to Glue is authorized on: a crawler, or of the Data Catalog a table or database.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html. What
contains it is asked for in `glue_containers`.
"""

from collections.abc import Mapping
from typing import Any

# Operations whose `Name` is a database's. Of the others with a `Name` and a `DatabaseName`, it is a table's.
_OF_DATABASES = frozenset({"DeleteDatabase", "GetDatabase", "UpdateDatabase"})
# Those are authorized on the crawler alone, whatever database it writes.
OF_CRAWLERS = frozenset(f"{verb}Crawler" for verb in ("Create", "Delete", "Get", "Start", "Stop", "Update"))
_NAMED_BY_ARN = frozenset({"GetTags", "TagResource", "UntagResource"})


def catalog_resource(operation: str, data: Mapping[str, Any], region: str, account_id: str) -> str:
    """The ARN of the crawler, table or database that an operation names, empty when it names none."""
    base = f"arn:aws:glue:{region}:{account_id}"
    if operation in _NAMED_BY_ARN:
        return str(data.get("ResourceArn", ""))
    if operation in OF_CRAWLERS:
        return f"{base}:crawler/{data.get('Name')}"
    if operation == "CreateDatabase":
        return f"{base}:database/{data.get('DatabaseInput', {}).get('Name')}"
    if operation in _OF_DATABASES:
        return f"{base}:database/{data.get('Name')}"
    table = data.get("Name") or data.get("TableName") or data.get("TableInput", {}).get("Name")
    return f"{base}:table/{data['DatabaseName']}/{table}" if table and data.get("DatabaseName") else ""
