"""Lambda functions."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.errors import OperationError
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update
from localcloud.plugin.resources.lambda_code import code_request, code_rules

_UNRESERVED = -1

_CODE = ("code", "s3Bucket", "s3Key", "s3ObjectVersion", "imageUri", "architectures", "sourceCodeHash")
_CONFIGURATION = (
    "deadLetterConfig", "description", "environment", "ephemeralStorage", "fileSystemConfig", "handler", "imageConfig",
    "kmsKeyArn", "layers", "loggingConfig", "memorySize", "role", "runtime", "snapStart", "timeout", "tracingConfig",
    "vpcConfig",
)  # fmt: skip

# What UpdateFunctionConfiguration takes as "none", for settings that the program no longer has
# (https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html).
_NONE: Mapping[str, dict[str, Any]] = {
    "deadLetterConfig": {"DeadLetterConfig": {"TargetArn": ""}},
    "description": {"Description": ""},
    "environment": {"Environment": {"Variables": {}}},
    "ephemeralStorage": {"EphemeralStorage": {"Size": 512}},
    "fileSystemConfig": {"FileSystemConfigs": []},
    "imageConfig": {"ImageConfig": {}},
    "kmsKeyArn": {"KMSKeyArn": ""},
    "layers": {"Layers": []},
    "snapStart": {"SnapStart": {"ApplyOn": "None"}},
    "tracingConfig": {"TracingConfig": {"Mode": "PassThrough"}},
    "vpcConfig": {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}},
}

_NAMES: dict[str, str | None] = {
    "name": "FunctionName",
    "arn": "FunctionArn",
    "code": None,
    "codeSha256": None,
    "sourceCodeHash": None,
    "s3Bucket": "Code.S3Bucket",
    "s3Key": "Code.S3Key",
    "s3ObjectVersion": "Code.S3ObjectVersion",
    "imageUri": "Code.ImageUri",
    "sourceKmsKeyArn": "Code.SourceKMSKeyArn",
    "fileSystemConfig": "FileSystemConfigs",
    "imageConfig.commands": "Command",
    "imageConfig.entryPoints": "EntryPoint",
    "reservedConcurrentExecutions": None,
    "sourceCodeSize": "CodeSize",
    "version": None,
    "qualifiedArn": None,
    "invokeArn": None,
    "tags": None,
}


def _create(context: Context) -> str:
    request = context.request() | {"Code": code_request(context.inputs)}
    context.call("CreateFunction", **request)
    context.id = str(context.inputs["name"])
    _active(context)
    if context.inputs["reservedConcurrentExecutions"] != _UNRESERVED:
        _change_concurrency(context)
    return context.id


def _active(context: Context) -> None:
    def look() -> bool | None:
        found = context.call("GetFunctionConfiguration", FunctionName=context.id)
        if "Failed" in (found.get("State"), found.get("LastUpdateStatus")):
            reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "AWS gives no reason"
            raise OperationError(f"Lambda could not bring the function into service: {reason}.")
        ready = found.get("State", "Active") in ("Active", "Inactive")
        return True if ready and found.get("LastUpdateStatus", "Successful") == "Successful" else None

    context.wait(look, f"function {context.id} to be active")


def _read(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetFunction", FunctionName=context.id))
    if found is None:
        return None
    live = found["Configuration"]
    arn = live["FunctionArn"].removesuffix(":$LATEST")
    state = context.properties({**live, "ImageConfig": live.get("ImageConfigResponse", {}).get("ImageConfig")})
    version = _latest_version(context) if context.inputs.get("publish") else "$LATEST"
    invoke = f"arn:{context.cloud.partition}:apigateway:{context.region}:lambda:path"
    state |= {
        "arn": arn,
        "version": version,
        "qualifiedArn": f"{arn}:{version}",
        "invokeArn": f"{invoke}/2015-03-31/functions/{arn}/invocations",
        "qualifiedInvokeArn": f"{invoke}/2015-03-31/functions/{arn}:{version}/invocations",
        "responseStreamingInvokeArn": f"{invoke}/2021-11-15/functions/{arn}/response-streaming-invocations",
        "layers": [layer["Arn"] for layer in live.get("Layers", [])],
        "codeSha256": live["CodeSha256"],
        "sourceCodeHash": live["CodeSha256"],
        "imageUri": found.get("Code", {}).get("ImageUri"),
        "reservedConcurrentExecutions": _reserved(context, found),
        "signingJobArn": live.get("SigningJobArn", ""),
        "signingProfileVersionArn": live.get("SigningProfileVersionArn", ""),
    }
    if not live.get("VpcConfig", {}).get("SubnetIds"):
        state.pop("vpcConfig", None)
    if live.get("SnapStart", {}).get("ApplyOn", "None") == "None":
        state.pop("snapStart", None)
    return {key: value for key, value in state.items() if value not in (None, [], {})}


def _reserved(context: Context, found: Mapping[str, Any]) -> int:
    return int(found.get("Concurrency", {}).get("ReservedConcurrentExecutions", _UNRESERVED))


def _latest_version(context: Context) -> str:
    answer = context.call("ListVersionsByFunction", FunctionName=context.id)
    numbers = [int(item["Version"]) for item in answer["Versions"] if item["Version"] != "$LATEST"]
    return str(max(numbers, default="$LATEST"))


def _change_configuration(context: Context) -> None:
    changed = context.changed & set(_CONFIGURATION)
    request = context.request("UpdateFunctionConfiguration", only=changed)
    for name in changed:
        if name not in context.inputs:
            request |= _NONE.get(name, {})
    context.call("UpdateFunctionConfiguration", **request | {"FunctionName": context.id})
    _active(context)


def _change_code(context: Context) -> None:
    request = {"FunctionName": context.id, **code_request(context.inputs)}
    if "architectures" in context.inputs:
        request["Architectures"] = context.inputs["architectures"]
    context.call("UpdateFunctionCode", **request)
    _active(context)


def _publish(context: Context) -> None:
    if context.inputs.get("publish"):
        context.call("PublishVersion", FunctionName=context.id)
        _active(context)


def _change_concurrency(context: Context) -> None:
    limit = context.inputs["reservedConcurrentExecutions"]
    if limit == _UNRESERVED:
        context.call("DeleteFunctionConcurrency", FunctionName=context.id)
    else:
        context.call("PutFunctionConcurrency", FunctionName=context.id, ReservedConcurrentExecutions=limit)


def _delete(context: Context) -> None:
    if not context.old.get("skipDestroy"):
        context.call("DeleteFunction", FunctionName=context.id)


# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, "Reserved environment variables"
_RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    }
)  # fmt: skip


def _function_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    yield from code_rules(inputs)
    if inputs.get("packageType") == "Zip":
        for name in ("handler", "runtime"):
            if not inputs.get(name):
                yield Failure(name, f"{name} is needed when packageType is Zip, the default.")
    environment = inputs.get("environment")
    variables = environment.get("variables", {}) if isinstance(environment, dict) else {}
    for name in sorted(variables.keys() & _RESERVED_VARIABLES if isinstance(variables, dict) else ()):
        yield Failure(
            f"environment.variables.{name}", f"the variable {name} is reserved by Lambda: choose another name."
        )
    limit = inputs.get("reservedConcurrentExecutions")
    if isinstance(limit, int) and limit < _UNRESERVED:
        yield Failure(
            "reservedConcurrentExecutions", "reservedConcurrentExecutions is -1 (no limit), 0 (off), or a limit."
        )
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    timeout = inputs.get("timeout")
    if isinstance(timeout, int) and not 1 <= timeout <= 900:
        yield Failure("timeout", f"timeout is in seconds, from 1 to 900, but it is {timeout}.")
    architectures = inputs.get("architectures")
    if isinstance(architectures, list) and len(architectures) > 1:
        yield Failure("architectures", "a function has one architecture: x86_64 or arm64.")
    formats = inputs.get("loggingConfig")
    if (
        isinstance(formats, dict)
        and formats.get("logFormat") == "Text"
        and formats.keys() & {"applicationLogLevel", "systemLogLevel"}
    ):
        yield Failure("loggingConfig.logFormat", "log levels need logFormat JSON.")


# A role made a moment ago; a key grant or a network interface that is still on its way
# (https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html).
_TRANSIENT = (
    Transient("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda"),
    Transient("InvalidParameterValueException", "The provided execution role does not have permissions"),
    Transient(
        "InvalidParameterValueException",
        "unable to configure access to your environment variables",
    ),
    Transient("InvalidParameterValueException", "throttled by EC2"),
    Transient("ResourceConflictException", "The operation cannot be performed at this time"),
)  # fmt: skip

RESOURCES = (
    ResourceType(
        token="aws:lambda/function:Function",
        service="lambda",
        operation="CreateFunction",
        create=_create,
        read=_read,
        delete=_delete,
        updates=(
            Update(_CONFIGURATION, _change_configuration),
            Update(_CODE, _change_code),
            Update((*_CODE, *_CONFIGURATION, "publish"), _publish),
            Update(("reservedConcurrentExecutions",), _change_concurrency),
            Update(("skipDestroy",), lambda context: None),  # only deletion looks at it
        ),
        names=_NAMES,
        immutable=("name", "packageType"),
        defaults={
            "memorySize": 128,
            "packageType": "Zip",
            "publish": False,
            "reservedConcurrentExecutions": _UNRESERVED,
            "skipDestroy": False,
            "timeout": 3,
            "loggingConfig.logFormat": "Text",
        },
        computed=(
            "architectures", "ephemeralStorage", "tracingConfig", "loggingConfig", "loggingConfig.logGroup",
            "loggingConfig.applicationLogLevel", "loggingConfig.systemLogLevel", "vpcConfig.vpcId", "sourceCodeHash",
            "snapStart.optimizationStatus", "codeSha256",
        ),
        write_only=("code", "s3Bucket", "s3Key", "s3ObjectVersion", "publish", "skipDestroy"),
        unordered=("architectures", "vpcConfig.subnetIds", "vpcConfig.securityGroupIds"),
        unsupported=(
            "snapStart.optimizationStatus", "vpcConfig.vpcId", "capacityProviderConfig", "codeSha256",
            "codeSigningConfigArn", "durableConfig", "publishTo", "sourceKmsKeyArn",
            "replaceSecurityGroupsOnDestroy", "replacementSecurityGroupIds", "tenancyConfig",
            "useResourceTimeoutForPropagation",
        ),
        name=Name(longest=64),
        tagging=Tagging("Resource", listing="ListTags"),
        rules=(_function_rules,),
        volatile={
            "version": (*_CODE, *_CONFIGURATION, "publish"),
            "qualifiedArn": (*_CODE, *_CONFIGURATION, "publish"),
            "qualifiedInvokeArn": (*_CODE, *_CONFIGURATION, "publish"),
            "lastModified": (*_CODE, *_CONFIGURATION),
            "codeSha256": _CODE,
            "sourceCodeHash": _CODE,
            "sourceCodeSize": _CODE,
        },
        transient=_TRANSIENT,
    ),
)  # fmt: skip
