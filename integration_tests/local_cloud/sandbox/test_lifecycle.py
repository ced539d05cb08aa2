"""How an execution environment lives and ends: errors, timeouts, exits, memory, concurrency, logs."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.local

UNABLE = "Unable to import module 'handler'"

COUNTING = """
import os
calls = 0

def handler(event, context):
    global calls
    calls += 1
    if event == "raise":
        raise KeyError("missing")
    return [os.getpid(), calls]
"""


def test_an_exception_has_lambdas_shape(account, function) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""
    source = "class Bad(Exception): pass\ndef inner(): raise Bad('no')\ndef handler(event, context): inner()\n"
    answer = function(account(), source).invoke()
    request_id = answer["Payload"].pop("requestId")
    assert re.fullmatch(r"[0-9a-f-]{36}", request_id)
    assert answer["FunctionError"] == "Unhandled"
    # Python marks the failing part of a line with carets from 3.11 on; which lines get them differs between versions.
    answer["Payload"]["stackTrace"] = [re.sub(r"\n *\^+\n", "\n", frame) for frame in answer["Payload"]["stackTrace"]]
    assert answer["Payload"] == {
        "errorMessage": "no",
        "errorType": "Bad",
        "stackTrace": [
            '  File "/var/task/handler.py", line 3, in handler\n    def handler(event, context): inner()\n',
            "  File \"/var/task/handler.py\", line 2, in inner\n    def inner(): raise Bad('no')\n",
        ],
    }


def test_a_handled_exception_keeps_the_environment(account, function) -> None:
    mine = function(account(), COUNTING)
    pid, _ = mine.invoke()["Payload"]
    assert mine.invoke("raise")["Payload"]["errorType"] == "KeyError"
    assert mine.invoke()["Payload"] == [pid, 3]


@pytest.mark.parametrize(
    ("files", "error_type", "message"),
    [
        ({"handler.py": "import absent"}, "Runtime.ImportModuleError", f"{UNABLE}: No module named 'absent'"),
        ({"other.py": ""}, "Runtime.ImportModuleError", f"{UNABLE}: No module named 'handler'"),
        ({"handler.py": ""}, "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'handler'"),
        ({"handler.py": "def ("}, "Runtime.UserCodeSyntaxError", "Syntax error in module 'handler': "),
        ({"handler.py": "raise ValueError('at import')"}, "ValueError", "at import"),
        ({"handler.py": "def handler(*_): return {1, 2}"}, "Runtime.MarshalError", "Unable to marshal response: "),
        ({"handler.py": f"def handler(*_): return 'x' * {7 << 20}"}, "Function.ResponseSizeTooLarge", "Response"),
    ],
)  # fmt: skip
def test_runtime_errors_have_lambdas_names(account, function, files, error_type, message) -> None:
    answer = function(account(), files).invoke()
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"]["errorType"] == error_type
    assert answer["Payload"]["errorMessage"].startswith(message)


def test_a_timeout_ends_the_environment(account, function) -> None:
    mine = function(
        account(),
        "import time\ncalls = 0\n" + COUNTING.replace("calls += 1", "calls += 1; time.sleep(event)"),
        timeout=1,
    )
    before = mine.invoke(0)["Payload"]
    answer = mine.invoke(30)
    assert answer["Payload"]["errorType"] == "Sandbox.Timedout"
    assert answer["Payload"]["errorMessage"].endswith(" Error: Task timed out after 1.00 seconds")
    after = mine.invoke(0)["Payload"]
    assert (before[1], after[1], before[0] == after[0]) == (1, 1, False)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
    ],
)
def test_an_exit_is_an_exit_error(account, function, statement, reason) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html"""
    source = f"import os, sys\ndef handler(event, context):\n    if event: {statement}\n    return 'alive'"
    mine = function(account(), source)
    answer = mine.invoke(1)
    assert answer["Payload"]["errorType"] == "Runtime.ExitError"
    assert answer["Payload"]["errorMessage"].endswith(f"Error: {reason}")
    assert mine.invoke(0)["Payload"] == "alive"


@pytest.mark.parametrize("after", ["pass", "import time; time.sleep(60)"], ids=["at once", "and stays"])
def test_more_memory_than_the_function_has_kills_it(account, function, after) -> None:
    source = f"""
    def handler(event, context):
        block = bytearray(b"x") * (event << 20)
        if event > 100: {after}
        return len(block)
    """
    mine = function(account(), source, memory=128, timeout=20)
    assert mine.invoke(20)["Payload"] == 20 << 20
    answer = mine.invoke(200)
    assert answer["Payload"]["errorType"] == "Runtime.OutOfMemory"
    assert answer["Payload"]["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert mine.invoke(20)["Payload"] == 20 << 20


def test_concurrent_invocations_take_environments_of_their_own(account, function) -> None:
    mine = function(account(), "import os, time\ndef handler(*_):\n    time.sleep(0.3)\n    return os.getpid()")
    with ThreadPoolExecutor(4) as pool:
        pids = {answer["Payload"] for answer in pool.map(lambda _: mine.invoke(), range(4))}
    assert len(pids) == 4
    assert mine.invoke()["Payload"] in pids


def test_updated_code_serves_the_next_invocation_and_breaks_none_under_way(account, function, eventually) -> None:
    from integration_tests.support.packaging import zipped

    mine = function(account(), "import time\ndef handler(event, _):\n    time.sleep(event)\n    return 'old'")
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(mine.invoke, 1)
        logs = mine.clients.lambda_
        eventually(lambda: mine.invoke(0)["Payload"] == "old")
        logs.update_function_code(
            FunctionName=mine.name, ZipFile=zipped({"handler.py": "def handler(*_): return 'new'"})
        )
        assert eventually(lambda: mine.invoke(0)["Payload"], equals="new") == "new"
        assert under_way.result()["Payload"] == "old"


def test_logs_have_one_stream_for_an_environment(account, function) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""
    source = """
    import logging, sys
    logging.getLogger().setLevel(logging.INFO)
    print("at import")
    def handler(event, context):
        print("printed", event)
        sys.stderr.write("to stderr\\n")
        logging.info("logged")
        if event == 2:
            raise ValueError("two")
        return [context.log_group_name, context.log_stream_name, context.aws_request_id]
    """
    mine = function(account(), source)
    group, stream, first_id = mine.invoke(1)["Payload"]
    second_id = mine.invoke(2)["Payload"]["requestId"]
    logs = mine.clients.logs
    assert [found["logStreamName"] for found in logs.describe_log_streams(logGroupName=group)["logStreams"]] == [stream]
    messages = [
        event["message"]
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    ]
    figures = "Duration: # ms\tBilled Duration: # ms\tMemory Size: # MB\tMax Memory Used: # MB"
    assert [_without_figures(message) for message in messages] == [
        f"START RequestId: {first_id} Version: $LATEST",
        "at import",
        "printed 1",
        "to stderr",
        f"[INFO]\tTIME\t{first_id}\tlogged",
        f"END RequestId: {first_id}",
        f"REPORT RequestId: {first_id}\t{figures}\tInit Duration: # ms",
        f"START RequestId: {second_id} Version: $LATEST",
        "printed 2",
        "to stderr",
        f"[INFO]\tTIME\t{second_id}\tlogged",
        messages[11],
        f"END RequestId: {second_id}",
        f"REPORT RequestId: {second_id}\t{figures}\tStatus: error",
    ]
    assert messages[11].startswith(
        '[ERROR] ValueError: two\nTraceback (most recent call last):\n  File "/var/task/handler.py", line '
    )


def test_what_a_long_invocation_prints_is_in_the_log_while_it_runs_and_only_once(account, function) -> None:
    """Logs of a running function appear within seconds; its last ones with END and REPORT."""
    source = """
    import time
    def handler(event, context):
        print("begun", flush=True)
        time.sleep(1.2)
        print("waiting", flush=True)
        time.sleep(1.5)
        print("done")
        return context.log_group_name
    """
    mine = function(account(), source)
    group = mine.invoke(1)["Payload"]
    events = mine.clients.logs.filter_log_events(logGroupName=group)["events"]
    assert [event["message"].split()[0] for event in events] == ["START", "begun", "waiting", "done", "END", "REPORT"]
    at_ms = {event["message"].split()[0]: event["ingestionTime"] for event in events}
    assert at_ms["begun"] <= at_ms["waiting"] < at_ms["done"] - 1000


def test_a_role_without_permission_leaves_no_logs(account, clients, function, role) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-prerequisites.html"""
    mine = account()
    silent = function(mine, "def handler(*_): print('unheard')", role_arn=role(mine))
    assert "FunctionError" not in silent.invoke()
    assert clients(mine).logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{silent.name}")["logGroups"] == []


def _without_figures(message: str) -> str:
    message = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", message)
    return re.sub(r"(?<=: )[\d.]+(?= M?[Bm])", "#", message)


def test_a_silent_handler_is_no_slower_than_a_printing_one(account, function) -> None:
    account_id = account()
    silent = function(account_id, "def handler(*_): return 1")
    printing = function(account_id, "def handler(*_):\n    print('hello')\n    return 1")
    rounds = [(_took_ms(silent), _took_ms(printing)) for _ in range(30)]
    # The fastest of each: what a call takes when the machine does nothing else.
    fastest = [min(times) for times in zip(*rounds, strict=True)]
    assert fastest[0] < fastest[1] + 20, rounds


def _took_ms(mine) -> float:
    started = time.perf_counter()
    mine.invoke()
    return (time.perf_counter() - started) * 1000


def test_the_context_tells_what_lambda_tells(account, function) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""
    source = """
    def handler(event, context):
        names = ["function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "log_group_name"]
        return {**{name: getattr(context, name) for name in names}, "left": context.get_remaining_time_in_millis()}
    """
    mine = function(account(), source, timeout=7)
    seen = mine.invoke()["Payload"]
    assert 5000 < seen.pop("left") <= 7000
    assert seen == {
        "function_name": mine.name,
        "function_version": "$LATEST",
        "invoked_function_arn": mine.arn,
        "memory_limit_in_mb": "256",
        "log_group_name": f"/aws/lambda/{mine.name}",
    }


def test_large_events_and_results_pass_whole(account, function) -> None:
    mine = function(account(), "def handler(event, _): return event", timeout=30)
    event = {"text": "ü" * 500_000, "numbers": list(range(100_000))}
    assert json.dumps(mine.invoke(event)["Payload"]) == json.dumps(event)
