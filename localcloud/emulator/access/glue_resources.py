"""Names the resource that a request to the Glue Data Catalog is authorized on: a table, or a database.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html. What
contains it is asked for in `glue_containers`.
"""

from collections.abc import Mapping
from typing import Any

# Operations whose `Name` is a database's. Of the others with a `Name` and a `DatabaseName`, it is a table's.
_OF_DATABASES = frozenset({"DeleteDatabase", "GetDatabase", "UpdateDatabase"})
_NAMED_BY_ARN = frozenset({"GetTags", "TagResource", "UntagResource"})


def catalog_resource(operation: str, data: Mapping[str, Any], region: str, account_id: str) -> str:
    """The ARN of the table or database that an operation names, empty when it names neither."""
    base = f"arn:aws:glue:{region}:{account_id}"
    if operation in _NAMED_BY_ARN:
        return str(data.get("ResourceArn", ""))
    if operation == "CreateDatabase":
        return f"{base}:database/{data.get('DatabaseInput', {}).get('Name')}"
    if operation in _OF_DATABASES:
        return f"{base}:database/{data.get('Name')}"
    table = data.get("Name") or data.get("TableName") or data.get("TableInput", {}).get("Name")
    return f"{base}:table/{data['DatabaseName']}/{table}" if table and data.get("DatabaseName") else ""
