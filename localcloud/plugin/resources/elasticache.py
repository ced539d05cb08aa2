"""ElastiCache: Memcached clusters, Redis and Valkey replication groups, and their subnet groups."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import creates, deletes, dig, or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.errors import OperationError
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.Create.html: usually minutes.
_READY_TIMEOUT_S = 2400.0
_TAGGING = Tagging("ResourceName", tag="AddTagsToResource", untag="RemoveTagsFromResource")


def _described(context: Context, operation: str, parameter: str, at: str, **more: Any) -> dict[str, Any] | None:
    found = or_missing(lambda: context.call(operation, **{parameter: context.id}, **more))
    items = found[at] if found else []
    return dict(items[0]) if items else None


def _cluster(context: Context) -> dict[str, Any] | None:
    return _described(context, "DescribeCacheClusters", "CacheClusterId", "CacheClusters", ShowCacheNodeInfo=True)


def _group(context: Context) -> dict[str, Any] | None:
    return _described(context, "DescribeReplicationGroups", "ReplicationGroupId", "ReplicationGroups")


def _available(context: Context, live: Mapping[str, Any] | None, status: str) -> bool | None:
    if live and live[status] in ("create-failed", "restore-failed", "incompatible-network"):
        raise OperationError(f"ElastiCache could not make it: it is {live[status]}.")
    return True if live and live[status] == "available" else None


def _wait_cluster(context: Context) -> None:
    what = f"cache cluster {context.id} to be available"
    context.wait(lambda: _available(context, _cluster(context), "CacheClusterStatus"), what, _READY_TIMEOUT_S)


def _wait_group(context: Context) -> None:
    what = f"replication group {context.id} to be available"
    context.wait(lambda: _available(context, _group(context), "Status"), what, _READY_TIMEOUT_S)


def _create_cluster(context: Context) -> str:
    context.call("CreateCacheCluster", **context.request())
    context.id = str(context.inputs["clusterId"])
    _wait_cluster(context)
    return context.id


def _read_cluster(context: Context) -> Properties | None:
    live = _cluster(context)
    if live is None or live["CacheClusterStatus"] == "deleting":
        return None
    nodes = live.get("CacheNodes", [])
    first = nodes[0].get("Endpoint", {}) if nodes else {}
    configuration = live.get("ConfigurationEndpoint", {})
    port = configuration.get("Port") or first.get("Port")
    address = configuration.get("Address", "")
    state = context.properties(live) | {
        "clusterId": context.id,
        "arn": live.get("ARN") or context.arn("elasticache", f"cluster:{context.id}"),
        "port": port,
        "clusterAddress": address,
        "configurationEndpoint": f"{address}:{port}" if address else "",
        "engineVersionActual": live.get("EngineVersion", ""),
        "securityGroupIds": [item["SecurityGroupId"] for item in live.get("SecurityGroups", [])],
        "parameterGroupName": dig(live, "CacheParameterGroup.CacheParameterGroupName"),
        "cacheNodes": [
            {"id": node["CacheNodeId"], "address": dig(node, "Endpoint.Address"), "port": dig(node, "Endpoint.Port")}
            for node in nodes
        ],
    }
    return {name: value for name, value in state.items() if value is not None}


def _change_cluster(context: Context) -> None:
    changed = context.changed & set(_CLUSTER)
    request = context.request("ModifyCacheCluster", only=changed)
    context.call("ModifyCacheCluster", **request | {"CacheClusterId": context.id, "ApplyImmediately": True})
    _wait_cluster(context)


def _delete_cluster(context: Context) -> None:
    snapshot = context.old.get("finalSnapshotIdentifier")
    context.call("DeleteCacheCluster", CacheClusterId=context.id, FinalSnapshotIdentifier=snapshot)
    context.wait(lambda: True if _cluster(context) is None else None, f"{context.id} to be gone", _READY_TIMEOUT_S)


def _create_group(context: Context) -> str:
    context.call("CreateReplicationGroup", **context.request())
    context.id = str(context.inputs["replicationGroupId"])
    _wait_group(context)
    return context.id


def _read_group(context: Context) -> Properties | None:
    live = _group(context)
    if live is None or live["Status"] == "deleting":
        return None
    nodes = live.get("NodeGroups", [])
    primary = nodes[0].get("PrimaryEndpoint", {}) if nodes else {}
    configuration = live.get("ConfigurationEndpoint") or {}
    members = live.get("MemberClusters", [])
    state = context.properties(live) | {
        "replicationGroupId": context.id,
        "arn": live.get("ARN") or context.arn("elasticache", f"replicationgroup:{context.id}"),
        "description": live.get("Description"),
        "automaticFailoverEnabled": live.get("AutomaticFailover") in ("enabled", "enabling"),
        "multiAzEnabled": live.get("MultiAZ") in ("enabled", "enabling"),
        "numCacheClusters": len(members),
        "numNodeGroups": len(nodes),
        "port": configuration.get("Port") or primary.get("Port"),
        "clusterEnabled": live.get("ClusterEnabled", False),
        "memberClusters": members,
        "primaryEndpointAddress": primary.get("Address", ""),
        "readerEndpointAddress": dig(nodes, "ReaderEndpoint.Address") or "",
        "configurationEndpointAddress": configuration.get("Address", ""),
    }
    return {name: value for name, value in state.items() if value is not None}


def _change_group(context: Context) -> None:
    changed = context.changed & set(_GROUP)
    request = context.request("ModifyReplicationGroup", only=changed)
    context.call("ModifyReplicationGroup", **request | {"ReplicationGroupId": context.id, "ApplyImmediately": True})
    _wait_group(context)


def _delete_group(context: Context) -> None:
    snapshot = context.old.get("finalSnapshotIdentifier")
    context.call("DeleteReplicationGroup", ReplicationGroupId=context.id, FinalSnapshotIdentifier=snapshot)
    context.wait(lambda: True if _group(context) is None else None, f"{context.id} to be gone", _READY_TIMEOUT_S)


def _read_subnets(context: Context) -> Properties | None:
    live = _described(context, "DescribeCacheSubnetGroups", "CacheSubnetGroupName", "CacheSubnetGroups")
    if live is None:
        return None
    return {
        **context.properties(live),
        "arn": live.get("ARN") or context.arn("elasticache", f"subnetgroup:{context.id}"),
        "subnetIds": [item["SubnetIdentifier"] for item in live.get("Subnets", [])],
        "vpcId": live.get("VpcId", ""),
    }


def _change_subnets(context: Context) -> None:
    context.call("ModifyCacheSubnetGroup", **context.request("ModifyCacheSubnetGroup"))


_CLUSTER = (
    "autoMinorVersionUpgrade", "engineVersion", "maintenanceWindow", "nodeType", "notificationTopicArn",
    "numCacheNodes", "parameterGroupName", "securityGroupIds", "snapshotRetentionLimit", "snapshotWindow",
)  # fmt: skip
_GROUP = (
    "authToken", "autoMinorVersionUpgrade", "automaticFailoverEnabled", "description", "engineVersion",
    "maintenanceWindow", "multiAzEnabled", "nodeType", "notificationTopicArn", "parameterGroupName", "securityGroupIds",
    "snapshotRetentionLimit", "snapshotWindow", "transitEncryptionMode",
)  # fmt: skip
_NAMES: dict[str, str | None] = {
    "nodeType": "CacheNodeType",
    "parameterGroupName": "CacheParameterGroupName",
    "subnetGroupName": "CacheSubnetGroupName",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "availabilityZone": "PreferredAvailabilityZone",
    "applyImmediately": None,
    "tags": None,
}


def _engine_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    engine = inputs.get("engine")
    if isinstance(engine, str) and engine not in ("memcached", "redis", "valkey"):
        yield Failure("engine", f"engine is memcached, redis or valkey, not {engine}.")
    if "replicationGroupId" not in inputs:
        for name in ("engine", "nodeType", "numCacheNodes"):
            if name not in inputs:
                yield Failure(name, f"{name} is needed.")
    nodes = inputs.get("numCacheNodes")
    if engine in ("redis", "valkey") and isinstance(nodes, int) and nodes != 1:
        yield Failure("numCacheNodes", "a Redis or Valkey cluster has one node; use a ReplicationGroup for more.")


def _group_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    if inputs.get("multiAzEnabled") is True and inputs.get("automaticFailoverEnabled") is not True:
        yield Failure("automaticFailoverEnabled", "automaticFailoverEnabled must be true when multiAzEnabled is.")
    if inputs.get("authToken") and inputs.get("transitEncryptionEnabled") is not True:
        yield Failure("transitEncryptionEnabled", "transitEncryptionEnabled must be true when authToken is given.")


RESOURCES = (
    ResourceType(
        token="aws:elasticache/cluster:Cluster",
        service="elasticache",
        operation="CreateCacheCluster",
        create=_create_cluster,
        read=_read_cluster,
        delete=_delete_cluster,
        updates=(
            Update(_CLUSTER, _change_cluster),
            Update(("applyImmediately", "finalSnapshotIdentifier"), lambda context: None),  # of later calls
        ),
        names={**_NAMES, "clusterId": "CacheClusterId", "finalSnapshotIdentifier": None},
        immutable=("clusterId", "engine", "port", "subnetGroupName", "availabilityZone", "azMode", "networkType",
                   "ipDiscovery", "transitEncryptionEnabled", "replicationGroupId"),
        defaults={"autoMinorVersionUpgrade": "true"},
        computed=(
            "availabilityZone", "azMode", "engineVersion", "ipDiscovery", "maintenanceWindow", "networkType",
            "parameterGroupName", "port", "securityGroupIds", "snapshotWindow", "subnetGroupName",
            "transitEncryptionEnabled", "snapshotRetentionLimit", "applyImmediately", "preferredAvailabilityZones",
        ),
        write_only=("applyImmediately", "finalSnapshotIdentifier", "azMode"),
        unordered=("securityGroupIds",),
        unsupported=("logDeliveryConfigurations", "outpostMode", "preferredAvailabilityZones", "preferredOutpostArn",
                     "snapshotArns", "snapshotName"),
        case_insensitive=("maintenanceWindow",),
        name=Name(property="clusterId", longest=50, lower=True),
        tagging=_TAGGING,
        rules=(_engine_rules,),
        transient=(Transient("InvalidCacheClusterState"),),
    ),
    ResourceType(
        token="aws:elasticache/replicationGroup:ReplicationGroup",
        service="elasticache",
        operation="CreateReplicationGroup",
        create=_create_group,
        read=_read_group,
        delete=_delete_group,
        updates=(
            Update(_GROUP, _change_group),
            Update(("applyImmediately", "finalSnapshotIdentifier"), lambda context: None),  # of later calls
        ),
        names={**_NAMES, "description": "ReplicationGroupDescription", "finalSnapshotIdentifier": None},
        immutable=("replicationGroupId", "engine", "port", "subnetGroupName", "atRestEncryptionEnabled", "kmsKeyId",
                   "transitEncryptionEnabled", "networkType", "ipDiscovery", "numCacheClusters", "numNodeGroups",
                   "replicasPerNodeGroup", "dataTieringEnabled", "clusterMode"),
        defaults={"automaticFailoverEnabled": False, "engine": "redis", "multiAzEnabled": False},
        computed=(
            "atRestEncryptionEnabled", "autoMinorVersionUpgrade", "clusterMode", "dataTieringEnabled",
            "engineVersion", "ipDiscovery", "maintenanceWindow", "networkType", "numCacheClusters", "numNodeGroups",
            "parameterGroupName", "port", "replicasPerNodeGroup", "securityGroupIds", "snapshotWindow",
            "snapshotRetentionLimit", "subnetGroupName", "transitEncryptionEnabled", "transitEncryptionMode",
            "applyImmediately",
        ),
        write_only=(
            "applyImmediately", "authToken", "finalSnapshotIdentifier", "securityGroupIds", "parameterGroupName",
            "subnetGroupName", "maintenanceWindow", "notificationTopicArn", "engineVersion", "engine",
        ),
        unordered=("securityGroupIds",),
        unsupported=("authTokenUpdateStrategy", "authTokenWo", "authTokenWoVersion", "durability",
                     "globalReplicationGroupId", "logDeliveryConfigurations", "nodeGroupConfigurations",
                     "preferredCacheClusterAzs", "securityGroupNames", "snapshotArns", "snapshotName", "userGroupIds"),
        name=Name(property="replicationGroupId", longest=40, lower=True),
        tagging=_TAGGING,
        rules=(_group_rules,),
        transient=(Transient("InvalidReplicationGroupState"),),
    ),
    ResourceType(
        token="aws:elasticache/subnetGroup:SubnetGroup",
        service="elasticache",
        operation="CreateCacheSubnetGroup",
        create=creates("CreateCacheSubnetGroup", identity="name"),
        read=_read_subnets,
        delete=deletes("DeleteCacheSubnetGroup", {"CacheSubnetGroupName": "id"}),
        updates=(Update(("description", "subnetIds"), _change_subnets),),
        names={"name": "CacheSubnetGroupName", "description": "CacheSubnetGroupDescription", "tags": None},
        immutable=("name",),
        defaults={"description": "Managed by Pulumi"},
        unordered=("subnetIds",),
        case_insensitive=("name",),
        name=Name(longest=255, lower=True),
        tagging=_TAGGING,
        transient=(Transient("CacheSubnetGroupInUse"),),
    ),
)  # fmt: skip
