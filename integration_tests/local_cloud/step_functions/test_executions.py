"""A state machine acts as its role, starts once by one name, and is refused when its definition cannot work."""

import json

import pytest

from integration_tests.local_cloud.accounts.refusals import denied, refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

DONE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
ECHO = "def handler(event, context):\n    return {'got': event}\n"


def invoking(function_arn: str) -> dict:
    parameters = {"FunctionName": function_arn, "Payload.$": "$"}
    call = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, "End": True}
    return {"StartAt": "Call", "States": {"Call": call}}


def test_a_function_is_invoked_with_the_role_of_the_machine_only(account, function, machine) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    mine = account()
    echo = function(mine, ECHO)
    caller = machine(mine, invoking(echo.arn))
    failed = caller.run({"n": 1})
    assert (failed["status"], failed["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert f"is not authorized to perform: lambda:InvokeFunction on resource: {echo.arn}" in failed["cause"]

    caller.allow(statement("lambda:InvokeFunction", echo.arn))
    succeeded = caller.run({"n": 1})
    assert succeeded["status"] == "SUCCEEDED"
    assert json.loads(succeeded["output"])["Payload"] == {"got": {"n": 1}}


def test_a_functions_own_error_is_the_states_error(account, function, machine) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    mine = account()
    raising = function(mine, "class Broken(Exception): pass\ndef handler(event, context):\n    raise Broken('no')\n")
    caller = machine(mine, invoking(raising.arn))
    caller.allow(statement("lambda:InvokeFunction", raising.arn))
    failed = caller.run({})
    assert (failed["status"], failed["error"]) == ("FAILED", "Broken")
    assert json.loads(failed["cause"])["errorMessage"] == "no"


def test_a_name_starts_one_execution(account, machine, unique) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}
    caller, name = machine(account(), waiting), unique("run")
    arn = caller.start({"a": 1}, name)
    assert caller.start({"a": 1}, name) == arn
    assert refused(caller.start, {"a": 2}, name)[0] == "ExecutionAlreadyExists"
    caller.clients.stepfunctions.stop_execution(executionArn=arn)
    assert refused(caller.start, {"a": 1}, name)[0] == "ExecutionAlreadyExists"


def test_a_role_must_be_passed_and_must_trust_step_functions(account, principal, role, unique, clients) -> None:
    mine = account()
    definition = json.dumps(DONE)
    stranger = role(mine, trusts="lambda.amazonaws.com")
    create = clients(mine).stepfunctions.create_state_machine
    code, message = refused(create, name=unique("m"), definition=definition, roleArn=stranger)
    assert code == "AccessDeniedException"
    assert message.startswith("Neither the global service principal states.amazonaws.com")
    good = role(mine, trusts="states.amazonaws.com")
    deployer = principal(mine, [statement("states:*")])
    assert "iam:PassRole" in denied(
        deployer.stepfunctions.create_state_machine, name=unique("m"), definition=definition, roleArn=good
    )


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ("{", "INVALID_JSON_DESCRIPTION"),
        ({"StartAt": "A", "States": {}}, "The field 'States' is required"),
        ({"StartAt": "B", "States": DONE["States"]}, "Missing 'Next' target: B at /StartAt"),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}},
            "Missing 'Next' target: B at /States/A/Next",
        ),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass"}}}, "Exactly one of 'Next' and 'End'"),
        ({"StartAt": "A", "States": {"A": {"Type": "Pas", "End": True}}}, "at /States/A/Type"),
        ({**DONE, "States": {**DONE["States"], "B": {"Type": "Succeed"}}}, 'State "B" is not reachable'),
        (
            {
                "StartAt": "A",
                "States": {"A": {"Type": "Map", "ItemReader": {}, "ItemProcessor": DONE, "End": True}},
            },
            "not supported in the processor mode INLINE at /States/A/ItemReader",
        ),
    ],
)
def test_what_cannot_work_is_no_state_machine(account, clients, role, unique, definition, said) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""
    mine = account()
    text = definition if isinstance(definition, str) else json.dumps(definition)
    role_arn = role(mine, trusts="states.amazonaws.com")
    create = clients(mine).stepfunctions.create_state_machine
    code, message = refused(create, name=unique("m"), definition=text, roleArn=role_arn)
    assert code == "InvalidDefinition"
    assert said in message
