"""The Glue Data Catalog asks for the permission on what contains a table or database, and on what a database holds.

https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
"""

import pytest

from integration_tests.local_cloud.accounts.refusals import denied
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local


def test_a_database_is_made_and_deleted_with_the_permission_on_all_that_it_touches(account, principal, unique):
    own, name = account(), unique("lake").replace("-", "_")
    base = f"arn:aws:glue:*:{own}"
    database, catalogue = f"{base}:database/{name}", f"{base}:catalog"
    inside = [f"{base}:table/{name}/*", f"{base}:userDefinedFunction/{name}/*"]

    def glue(*resources):
        return principal(own, [statement("glue:*", list(resources))]).client("glue")

    message = denied(glue(database).create_database, DatabaseInput={"Name": name})
    assert (
        f"is not authorized to perform: glue:CreateDatabase on resource: arn:aws:glue:us-east-1:{own}:catalog"
        in message
    )
    glue(database, catalogue).create_database(DatabaseInput={"Name": name})
    table = {"DatabaseName": name, "TableInput": {"Name": "clicks"}}
    denied(glue(inside[0], catalogue).create_table, **table)
    glue(inside[0], database, catalogue).create_table(**table)
    message = denied(glue(database, catalogue, inside[0]).delete_database, Name=name)
    assert f":userDefinedFunction/{name}/*" in message
    glue(database, catalogue, *inside).delete_database(Name=name)
