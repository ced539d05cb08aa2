"""A platform in a network without a way to the internet, as its stack file declares it: caches and services get every
record by the roles and endpoints that the stack makes, and nothing else can be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from integration_tests.fan_out.comparing import compare, orders
from integration_tests.fan_out.deployed import FannedOut, deployed
from integration_tests.fan_out.places import Place
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.factories import Factories
from operations.cross_account_copy.sending import Record

pytestmark = pytest.mark.local

RECORDS = 2_000
ORDERED = {"parallel": False}
# All but IoT Core, which no endpoint with a name of its own leads to.
TARGETS = ("sns", "sns-fifo", "sqs", "sqs-fifo", "es", "kinesis", "firehose", "lambda", "memcached", "redis")
SERVICES = {"dynamodb", "kinesis-firehose", "kinesis-streams", "lambda", "s3", "sns", "sqs", "sts"}

PlaceOf = Callable[[Clients, Factories], Callable[..., Place]]


class Network:
    """The deployed platform and its targets by their names in the stack file."""

    def __init__(self, fanned_out: FannedOut, places: dict[str, Place]) -> None:
        self.fanned_out, self.places = fanned_out, places


@pytest.fixture
def network(
    cloud: Cloud,
    place_of: PlaceOf,
    unique: Callable[[str], str],
    cleanup: Callable[..., object],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Network]:
    places: dict[str, Place] = {}

    def declared(own: Clients) -> dict[str, object]:
        place = place_of(own, Factories(lambda _account: own, unique, cleanup))
        places.update({name: place(name, **(ORDERED if name == "kinesis" else {})) for name in TARGETS})
        targets = {name: {"source": "inputStream", **one.row} for name, one in places.items()}
        # A machine that is busy with other tests answers late.
        return {"network": {}, "patienceSeconds": 30, "targets": targets}

    with ExitStack() as deployment:
        yield Network(deployed(cloud, tmp_path_factory.mktemp("network"), deployment, declared), places)


def test_caches_and_services_have_everything_and_nothing_else_is_reached(network: Network) -> None:
    fanned_out = network.fanned_out
    records = orders(RECORDS)
    fanned_out.put([Record(key, data) for key, data in records])
    for name, one in network.places.items():
        compare(name, one, records)
    assert fanned_out.behind() == set()

    # Endpoints are the only ways: of the services that rows name, and of what the platform itself needs.
    ec2, vpc = fanned_out.platform.ec2, fanned_out.outputs["vpcId"]
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    endpoints = ec2.describe_vpc_endpoints(Filters=of_vpc)["VpcEndpoints"]
    assert {one["ServiceName"].rpartition(".")[2] for one in endpoints} == SERVICES
    tables = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
    ways = [route for table in tables for route in table["Routes"] if route.get("GatewayId") != "local"]
    assert [route for route in ways if not str(route.get("GatewayId", "")).startswith("vpce-")] == []
    functions = [fanned_out.outputs[name] for name in ("functionName", "drainerName")]
    for name in functions:
        config = fanned_out.platform.lambda_.get_function_configuration(FunctionName=name)["VpcConfig"]
        assert sorted(config["SubnetIds"]) == sorted(fanned_out.outputs["subnetIds"])
