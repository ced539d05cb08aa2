"""Runs Python functions as Lambda does: isolated, within their memory and time, one process an environment.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html. The emulator's own pool keeps deciding
how many environments a function has; here is what such an environment is. What is left to the emulator: Node.js and
`provided` runtimes, container images.
"""

from collections.abc import Callable
from typing import Any

from localcloud.emulator import faults
from localcloud.emulator.faults.injection import on_abort
from localcloud.emulator.patching import replaces
from localcloud.emulator.request_gate import Call, before
from localcloud.emulator.sandbox import logs, pool
from localcloud.emulator.sandbox.worker import Crash, Invocation, Outcome, SandboxWorker
from localcloud.sandbox import forkserver

Json = dict[str, Any]


def install() -> None:
    runtime = "ministack.core.lambda_runtime"
    service = "ministack.services.lambda_svc"
    on_abort(pool.abort_callers)

    @before("lambda")
    def prepare(call: Call) -> None:
        """The SDK is imported while the function is being created, so that its first invocation need not wait."""
        if forkserver.SUPPORTED and call.action == "lambda:CreateFunction":
            forkserver.SERVER.prepare()

    @replaces(runtime, "_worker_class_for", source="b5a23849280a")
    def worker_class(original: Callable[[Json], type], config: Json) -> type:
        return SandboxWorker if _is_python(config) else original(config)

    @replaces(runtime, "kill_workers", source="56a6df63f9bd")
    def kill_workers(original: Callable[[list[Any]], None], workers: list[Any]) -> None:
        """An environment that serves an invocation finishes it first.

        Updating a function does not break what is under way.
        """
        for worker in workers:
            if isinstance(worker, SandboxWorker):
                worker.retire()
        original([worker for worker in workers if not isinstance(worker, SandboxWorker)])

    @replaces(runtime, "reset", source="03a9add47fe3")
    def reset(original: Callable[[], None]) -> None:
        for environment in pool.environments():
            environment.abort()
        original()

    @replaces(service, "_execute_function_warm", source="62b9218bef5b")
    def execute(original: Callable[..., Json], func: Json, event: Any, request_id: str) -> Json:
        config = func.get("config") or func
        code = func.get("code_zip")
        return (
            _execute(config, code, event, request_id)
            if code and _is_python(config)
            else original(func, event, request_id)
        )

    @replaces(service, "_emit_lambda_logs", source="111efbf06968")
    def emit_logs(
        original: Callable[..., None],
        func: Json,
        request_id: str,
        log_text: str,
        error: bool,
        duration_ms: int,
        *,
        log_source: Outcome | str | None = None,
    ) -> None:
        if isinstance(log_source, Outcome):
            logs.write(func.get("config") or func, request_id, log_source, duration_ms)
        else:
            original(func, request_id, log_text, error, duration_ms, log_source=log_source)


def _is_python(config: Json) -> bool:
    return str(config.get("Runtime", "")).startswith("python") and config.get("PackageType") != "Image"


def _execute(config: Json, code: bytes, event: Any, request_id: str) -> Json:
    """Lease an environment, run the invocation, and answer in the emulator's shape."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    function_arn = config.get("FunctionArn", "")
    account_id = function_arn.split(":")[4]
    if not faults.decided.get() and faults.due("throttle", account_id, "lambda", "Invoke", function_arn):
        throttled: Json = lambda_svc._throttle_response("FunctionInvocationRateLimitExceeded", "Rate Exceeded.")
        return throttled
    crash_rule = faults.due("crash", account_id, "lambda", "Invoke", function_arn)
    crash: Crash | None = None if crash_rule is None else "after" if crash_rule.applied else "before"
    lambda_svc._ensure_reaper_thread()
    worker, _ = lambda_runtime.acquire_worker(
        config["FunctionName"], config, code, qualifier=config.get("Version", "$LATEST")
    )
    live = logs.Live(config, request_id)
    invocation = Invocation(
        event, request_id, function_arn, _changing_environment(lambda_svc, config), crash, live.printed
    )
    try:
        if not faults.decided.get() and faults.due("duplicate", account_id, "lambda", "Invoke", function_arn):
            worker.invoke(invocation)
        outcome = worker.invoke(invocation)
    finally:
        lambda_runtime.release_worker(worker)
    outcome.live_bytes = live.written_bytes
    answer: Json = {"body": outcome.payload, "log": outcome.log, "log_source": outcome}
    if outcome.error:
        answer["error"] = True
    return answer


def _changing_environment(lambda_svc: Any, config: Json) -> dict[str, str | None]:
    """The variables that Lambda changes with each invocation; None where this one has none."""
    from ministack.core.lambda_runtime import DURABLE_ENV_VARS, INVOKE_DEPTH_ENV

    depth = lambda_svc._invoke_depth.get()
    durable = lambda_svc._durable_env_overlay()
    return {
        "_X_AMZN_TRACE_ID": lambda_svc._xray_trace_id_for_invocation(config),
        INVOKE_DEPTH_ENV: None if depth is None else str(depth),
        **{name: durable.get(name) for name in DURABLE_ENV_VARS},
    }
