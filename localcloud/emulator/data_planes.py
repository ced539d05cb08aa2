"""Which real server a cluster, a cache or a domain is: the emulator has their control planes alone.

`POST /_tributary/servers` takes `{"account", "region", "service", "name", "addresses"}`. With the service `elasticache`
the addresses are those of the nodes of a cache cluster or a replication group, like `127.0.0.1:6390`; with `opensearch`
there is one, the endpoint of a domain, which may be a URL. Describing the resource tells them from then on. A Memcached
cluster gets a configuration endpoint, which answers `config get cluster` as ElastiCache's nodes do and hands everything
else to the first node. The answer is `{"endpoint"}`: where clients are to connect.
https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CacheCluster.html (ConfigurationEndpoint)
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.HowAutoDiscoveryWorks.html
https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DomainStatus.html (Endpoint)
"""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import request_scope
from ministack.services import elasticache, opensearch

from localcloud.emulator import control
from localcloud.emulator.memcached_discovery import Discovery
from localcloud.emulator.patching import replaces
from localcloud.emulator.resetting import on_reset

Record = MutableMapping[str, Any]

_discoveries: list[Discovery] = []
_CONFIGURATION = "ConfigurationEndpoint"


def _serve(request: control.Request) -> dict[str, Any]:
    if request.method != "POST":
        raise control.RefusedError(405, "Name a server: POST /_tributary/servers.")
    wanted = {"account", "region", "service", "name", "addresses"}
    if missing := sorted(wanted - request.body.keys()):
        raise control.RefusedError(400, f"The body lacks {', '.join(missing)}.")
    service = request.body["service"]
    if service not in _SERVICES:
        raise control.RefusedError(400, f"service is {service!r}; it must be one of {', '.join(_SERVICES)}.")
    with request_scope(request.body["account"], request.body["region"]):
        endpoint = _SERVICES[service](request.body["name"], request.body["addresses"])
    return {"endpoint": endpoint}


def _cache(name: str, addresses: list[str]) -> str:
    nodes = [_endpoint(address) for address in addresses]
    cluster, group = elasticache._clusters.get(name), elasticache._replication_groups.get(name)
    if cluster is None and group is None:
        raise control.RefusedError(404, f"There is no cache cluster and no replication group {name!r}.")
    if cluster is None:
        for member in group["NodeGroups"]:
            for kind in ("PrimaryEndpoint", "ReaderEndpoint"):
                member[kind] = dict(nodes[0])
        if group.get(_CONFIGURATION):
            group[_CONFIGURATION] = dict(nodes[0])
        return addresses[0]
    if len(nodes) != len(cluster["CacheNodes"]):
        raise control.RefusedError(400, f"{name} has {len(cluster['CacheNodes'])} nodes, not {len(nodes)}.")
    for node, endpoint in zip(cluster["CacheNodes"], nodes, strict=True):
        node["Endpoint"] = endpoint
    if cluster["Engine"] != "memcached":
        return addresses[0]
    discovery = Discovery([(str(node["Address"]), int(node["Port"])) for node in nodes])
    _discoveries.append(discovery)
    cluster[_CONFIGURATION] = {"Address": discovery.host, "Port": discovery.port}
    return f"{discovery.host}:{discovery.port}"


def _endpoint(address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise control.RefusedError(400, f"{address!r} must be a host and a port, like 127.0.0.1:6390.")
    return {"Address": host, "Port": int(port)}


def _domain(name: str, addresses: list[str]) -> str:
    domain = opensearch._domains.get(name)
    if domain is None:
        raise control.RefusedError(404, f"There is no domain {name!r}.")
    domain["_Endpoint"] = addresses[0]
    if "Endpoints" in domain:
        domain["Endpoints"] = {"vpc": addresses[0]}
    else:
        domain["Endpoint"] = addresses[0]
    return addresses[0]


_SERVICES: Mapping[str, Callable[[str, list[str]], str]] = {"elasticache": _cache, "opensearch": _domain}


def _reset() -> None:
    for discovery in _discoveries:
        discovery.stop()
    _discoveries.clear()


def install() -> None:
    """Serve the route, and tell configuration endpoints."""
    control.route("servers", _serve)
    on_reset(_reset)

    @replaces("ministack.services.elasticache", "_cluster_xml_inner", source="63df4b03f272")
    def cluster_xml(original: Callable[[Record], str], cluster: Record) -> str:
        text = original(cluster)
        endpoint = cluster.get(_CONFIGURATION)
        if endpoint is None:
            return text
        inner = f"<Address>{escape(endpoint['Address'])}</Address><Port>{endpoint['Port']}</Port>"
        return f"{text}<{_CONFIGURATION}>{inner}</{_CONFIGURATION}>"
