"""What CreateTable refuses.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
"""

import pytest
from botocore.exceptions import ClientError

pytestmark = [pytest.mark.local, pytest.mark.aws]


@pytest.mark.parametrize("kind", ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"])
def test_a_table_without_indexes_leaves_their_list_out(account, clients, table, kind) -> None:
    mine = account()
    with pytest.raises(ClientError, match=f"List of {kind} is empty") as refused:
        table(mine, **{kind: []})
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert clients(mine).dynamodb.list_tables()["TableNames"] == []
