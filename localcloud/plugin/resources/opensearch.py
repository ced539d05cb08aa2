"""OpenSearch domains."""

from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

# A domain takes up to an hour: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/gsgcreate-domain.html
_READY_TIMEOUT_S = 3600.0

_CHANGEABLE = (
    "accessPolicies", "advancedOptions", "advancedSecurityOptions", "clusterConfig", "domainEndpointOptions",
    "ebsOptions", "encryptAtRest", "logPublishingOptions", "nodeToNodeEncryption", "offPeakWindowOptions",
    "softwareUpdateOptions", "vpcOptions",
)  # fmt: skip


def _create(context: Context) -> str:
    request = context.request()
    if logs := _logs(context):
        request["LogPublishingOptions"] = logs
    context.id = str(context.call("CreateDomain", **request)["DomainStatus"]["ARN"])
    _settled(context)
    return context.id


def _logs(context: Context) -> dict[str, Any]:
    return {
        item["logType"]: {
            "CloudWatchLogsLogGroupArn": item["cloudwatchLogGroupArn"],
            "Enabled": item.get("enabled", True),
        }
        for item in context.inputs.get("logPublishingOptions", [])
    }


def _describe(context: Context) -> dict[str, Any] | None:
    found = or_missing(lambda: context.call("DescribeDomain", DomainName=context.id.rpartition("/")[2]))
    return found["DomainStatus"] if found else None


def _settled(context: Context) -> None:
    def look() -> bool | None:
        live = _describe(context)
        if live is None or not live.get("Created", True) or live.get("Processing"):
            return None
        return True if live.get("Endpoint") or live.get("Endpoints") or live.get("EndpointV2") else None

    context.wait(look, f"domain {context.id} to be active", _READY_TIMEOUT_S)


def _read(context: Context) -> Properties | None:
    live = _describe(context)
    if live is None or live.get("Deleted"):
        return None
    context.id = live["ARN"]
    endpoint = live.get("Endpoint") or live.get("Endpoints", {}).get("vpc", "")
    state = context.properties(live)
    state["logPublishingOptions"] = [
        {
            "logType": kind,
            "cloudwatchLogGroupArn": item["CloudWatchLogsLogGroupArn"],
            "enabled": item.get("Enabled", True),
        }
        for kind, item in live.get("LogPublishingOptions", {}).items()
        if item.get("CloudWatchLogsLogGroupArn")
    ]
    outputs = {
        "endpoint": endpoint,
        "endpointV2": live.get("EndpointV2", ""),
        "dashboardEndpoint": f"{endpoint}/_dashboards",
        "dashboardEndpointV2": f"{live['EndpointV2']}/_dashboards" if live.get("EndpointV2") else "",
        "domainEndpointV2HostedZoneId": live.get("DomainEndpointV2HostedZoneId", ""),
        "domainId": live["DomainId"],
        "arn": live["ARN"],
        "domainName": live["DomainName"],
    }
    return {**state, **outputs}


def _change(context: Context) -> None:
    changed = context.changed & set(_CHANGEABLE)
    request = context.request("UpdateDomainConfig", only=changed)
    if "logPublishingOptions" in changed:
        off = {item["logType"]: {"Enabled": False} for item in context.old.get("logPublishingOptions", [])}
        request["LogPublishingOptions"] = {**off, **_logs(context)}
    context.call("UpdateDomainConfig", **request | {"DomainName": context.inputs["domainName"]})
    _settled(context)


def _upgrade(context: Context) -> None:
    name, version = context.inputs["domainName"], context.inputs["engineVersion"]
    context.call("UpgradeDomain", DomainName=name, TargetVersion=version)
    _settled(context)


def _delete(context: Context) -> None:
    context.call("DeleteDomain", DomainName=context.id.rpartition("/")[2])
    context.wait(
        lambda: True if _describe(context) is None else None, f"domain {context.id} to be gone", _READY_TIMEOUT_S
    )


RESOURCES = (
    ResourceType(
        token="aws:opensearch/domain:Domain",
        service="opensearch",
        operation="CreateDomain",
        create=_create,
        read=_read,
        delete=_delete,
        updates=(Update(_CHANGEABLE, _change), Update(("engineVersion",), _upgrade)),
        names={
            "encryptAtRest": "EncryptionAtRestOptions",
            "nodeToNodeEncryption": "NodeToNodeEncryptionOptions",
            "logPublishingOptions": None,
            "tags": None,
        },
        immutable=("domainName", "encryptAtRest.kmsKeyId"),
        defaults={
            "clusterConfig.instanceType": "m4.large.search",
            "clusterConfig.instanceCount": 1,
            "clusterConfig.dedicatedMasterEnabled": False,
        },
        computed=(
            "accessPolicies", "advancedOptions", "advancedSecurityOptions", "autoTuneOptions", "clusterConfig",
            "clusterConfig.coldStorageOptions", "clusterConfig.multiAzWithStandbyEnabled", "clusterConfig.warmEnabled",
            "clusterConfig.zoneAwarenessEnabled", "clusterConfig.zoneAwarenessConfig", "cognitoOptions",
            "domainEndpointOptions", "domainEndpointOptions.tlsSecurityPolicy", "domainEndpointOptions.enforceHttps",
            "ebsOptions", "ebsOptions.iops", "ebsOptions.throughput", "ebsOptions.volumeType", "ebsOptions.volumeSize",
            "encryptAtRest", "encryptAtRest.kmsKeyId", "engineVersion", "ipAddressType", "nodeToNodeEncryption",
            "offPeakWindowOptions", "snapshotOptions", "softwareUpdateOptions", "vpcOptions.vpcId",
            "vpcOptions.availabilityZones", "aimlOptions", "identityCenterOptions", "deploymentStrategyOptions",
            "advancedSecurityOptions.jwtOptions", "advancedSecurityOptions.anonymousAuthEnabled",
        ),
        documents=("accessPolicies",),
        unordered=("logPublishingOptions", "vpcOptions.subnetIds", "vpcOptions.securityGroupIds"),
        unsupported=(
            "advancedSecurityOptions.masterUserOptions", "advancedSecurityOptions.jwtOptions", "aimlOptions",
            "autoTuneOptions", "clusterConfig.nodeOptions", "cognitoOptions", "deploymentStrategyOptions",
            "identityCenterOptions", "ipAddressType", "snapshotOptions", "vpcOptions.availabilityZones",
            "vpcOptions.vpcId",
        ),
        name=Name(property="domainName", longest=28, lower=True),
        tagging=Tagging("ARN", tag="AddTags", untag="RemoveTags", listing="ListTags"),
        volatile={"endpoint": ("vpcOptions",)},
        transient=(
            Transient("ValidationException", "enable the AWS service"),
            Transient("InvalidTypeException", "Error setting policy"),
        ),
    ),
)  # fmt: skip
