"""The environment variables of a sandbox: Lambda's own and the function's, and nothing of this process.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

import os
from collections.abc import Mapping
from typing import Any

from ministack.core import tls
from ministack.core.lambda_runtime import HOST_PREFIX_ENV, execution_credentials

# Lambda refuses to let a function set these; an older configuration that holds one keeps Lambda's value.
RESERVED = (
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
)


def sandbox_environment(config: Mapping[str, Any], root: str, temporary: str, log_stream: str) -> dict[str, str]:
    """Every variable of a sandbox with its code at `root` and its /tmp at `temporary`, which logs to `log_stream`."""
    declared = {
        name: str(value)
        for name, value in (config.get("Environment") or {}).get("Variables", {}).items()
        if name not in RESERVED
    }
    return {**_defaults(temporary), **declared, **_lambda_own(config, root, log_stream)}


def _defaults(temporary: str) -> dict[str, str]:
    """What a function may override.

    The endpoint and the folders stand for what AWS's network and container are there.
    """
    port = os.environ.get("GATEWAY_PORT", "4566")
    values = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": temporary,
        "TMPDIR": temporary,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        HOST_PREFIX_ENV: "true",
    }
    if tls.use_ssl_enabled():
        values["AWS_ENDPOINT_URL"] = f"https://127.0.0.1:{port}"
        tls.trust_gateway_cert(values)
    return values


def _lambda_own(config: Mapping[str, Any], root: str, log_stream: str) -> dict[str, str]:
    name, region = config["FunctionName"], config["FunctionArn"].split(":")[3]
    return {
        **execution_credentials(dict(config)),
        "_HANDLER": config["Handler"],
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(config),
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "LAMBDA_TASK_ROOT": root,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
    }


def log_group(config: Mapping[str, Any]) -> str:
    """The function's log group: its own, or the one that its LoggingConfig names."""
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
