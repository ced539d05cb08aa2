"""A number is one key however it is written.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import pytest

pytestmark = [pytest.mark.local, pytest.mark.aws]


def test_an_item_is_found_and_deleted_by_its_number_in_any_spelling(account, clients, table) -> None:
    mine = account()
    name = table(mine, AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "N"}])["TableName"]
    api = clients(mine).dynamodb
    stored = {"pk": {"N": "3.5"}, "large": {"N": "120"}}
    api.put_item(TableName=name, Item={"pk": {"N": "3.50"}, "large": {"N": "12E1"}})
    for spelling in ("3.5", "3.500", "35E-1", "0.35E1"):
        key = {"pk": {"N": spelling}}
        assert api.get_item(TableName=name, Key=key, ConsistentRead=True)["Item"] == stored
        found = api.batch_get_item(RequestItems={name: {"Keys": [key], "ConsistentRead": True}})
        assert found["Responses"][name] == [stored]
    api.delete_item(TableName=name, Key={"pk": {"N": "350E-2"}})
    assert api.scan(TableName=name, ConsistentRead=True)["Items"] == []
