"""Every operation of Lambda's API is known by its route, so that its own action is asked for."""

import re

import pytest
from botocore.session import get_session

from localcloud.emulator.access.lambda_actions import operation_of

pytestmark = pytest.mark.pure

# Told from another operation on the same route by the query alone.
BY_QUERY = {"GetLayerVersionByArn", "ListProvisionedConcurrencyConfigs"}


def test_each_operation_of_the_model_is_known_by_its_route() -> None:
    model = get_session().get_service_model("lambda")
    routes = {name: model.operation_model(name).http for name in set(model.operation_names) - BY_QUERY}
    found = {
        name: operation_of(route["method"], re.sub(r"\{[^}]+\}", "x", route["requestUri"].partition("?")[0]))
        for name, route in routes.items()
    }
    assert found == {name: name for name in routes}
