"""Settings and payloads that Lambda refuses: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.local

NOTHING = "def handler(*_): return None"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"timeout": 901},
            "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or",
        ),
        (
            {"memory": 10_241},
            "Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than",
        ),
        ({"Runtime": "python3.99"}, "Value python3.99 at 'runtime' failed to satisfy constraint"),
        ({"environment": {"AWS_REGION": "x"}}, "Reserved keys used in this request: AWS_REGION"),
        ({"environment": {"LARGE": "x" * 4096}}, "exceeded the 4KB limit"),
    ],
)
def test_settings_beyond_the_limits_are_refused(account, clients, role, unique, settings, message) -> None:
    from integration_tests.support.packaging import zipped

    mine = account()
    request = {
        "FunctionName": unique("function"),
        "Runtime": settings.get("Runtime", "python3.13"),
        "Handler": "handler.handler",
        "Role": role(mine),
        "Code": {"ZipFile": zipped({"handler.py": NOTHING})},
        "Timeout": settings.get("timeout", 3),
        "MemorySize": settings.get("memory", 128),
        "Environment": {"Variables": settings.get("environment", {})},
    }
    with pytest.raises(ClientError) as refused:
        clients(mine).lambda_.create_function(**request)
    assert message in refused.value.response["Error"]["Message"]
    assert clients(mine).lambda_.list_functions()["Functions"] == []


def test_a_function_cannot_be_updated_beyond_the_limits(account, function) -> None:
    mine = function(account(), NOTHING, timeout=5)
    with pytest.raises(ClientError, match="Member must have value less than or equal to 900"):
        mine.clients.lambda_.update_function_configuration(FunctionName=mine.name, Timeout=1000)
    assert mine.clients.lambda_.get_function_configuration(FunctionName=mine.name)["Timeout"] == 5


@pytest.mark.parametrize(("kind", "size"), [("RequestResponse", 6 << 20), ("Event", 1 << 20)])
def test_payloads_beyond_the_limit_are_refused(account, function, kind, size) -> None:
    mine = function(account(), NOTHING)
    mine.clients.lambda_.invoke(FunctionName=mine.name, InvocationType=kind, Payload=f'"{"x" * (size - 2)}"')
    with pytest.raises(ClientError, match="RequestTooLargeException"):
        mine.clients.lambda_.invoke(FunctionName=mine.name, InvocationType=kind, Payload=f'"{"x" * size}"')
