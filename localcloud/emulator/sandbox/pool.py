"""The environments that there are: the emulator's pool, as far as they are sandboxes."""

from localcloud.emulator.sandbox.worker import SandboxWorker


def environments() -> list[SandboxWorker]:
    """Every environment, idle or serving an invocation."""
    from ministack.core import lambda_runtime

    with lambda_runtime._lock:
        pooled = [worker for pool in lambda_runtime._workers.values() for worker in pool]
    return [worker for worker in pooled if isinstance(worker, SandboxWorker)]


def abort_callers(caller_arn: str) -> None:
    """End the environments that make calls as this session of an execution role, which has the function's name."""
    account_id, name = caller_arn.split(":")[4], caller_arn.rsplit("/", 1)[-1]
    for one in environments():
        if one.in_use and one.func_name == name and one.config["FunctionArn"].split(":")[4] == account_id:
            one.abort()
