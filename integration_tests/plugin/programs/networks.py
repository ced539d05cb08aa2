"""A network with endpoints, a catalogue over a bucket, caches, a domain and a state machine."""

import json

import pulumi_aws as aws

from integration_tests.plugin.programs.policies import trust


def network(version: int = 1) -> None:
    """A VPC with subnets, security groups and endpoints."""
    second = version == 2
    tags = {"version": str(version)}
    vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", enable_dns_hostnames=second, tags=tags)
    subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.1.0/24", availability_zone="us-east-1a")
    table = aws.ec2.RouteTable("routes", vpc_id=vpc.id)
    aws.ec2.RouteTableAssociation("association", subnet_id=subnet.id, route_table_id=table.id)
    web = {"protocol": "tcp", "from_port": 443, "to_port": 444 if second else 443, "cidr_blocks": ["10.0.0.0/16"]}
    group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id, description="Endpoints", ingress=[web])
    cache = aws.ec2.SecurityGroup("cache-group", vpc_id=vpc.id, description="Caches")
    aws.vpc.SecurityGroupIngressRule(
        "ingress",
        security_group_id=cache.id,
        ip_protocol="tcp",
        from_port=11211,
        to_port=11211,
        referenced_security_group_id=group.id,
    )
    aws.ec2.VpcEndpoint("s3", vpc_id=vpc.id, service_name="com.amazonaws.us-east-1.s3", route_table_ids=[table.id])


def services(version: int = 1) -> None:
    """Resources of the services that the fan-out and the data lake use beside streams and tables."""
    second = version == 2
    role = aws.iam.Role("role", assume_role_policy=trust("states.amazonaws.com"))
    database = aws.glue.CatalogDatabase("database", name="lake", description=f"version {version}")
    columns = [{"name": "id", "type": "string"}, *([{"name": "at", "type": "bigint"}] if second else [])]
    aws.glue.CatalogTable(
        "table",
        name="events",
        database_name=database.name,
        table_type="EXTERNAL_TABLE",
        partition_keys=[{"name": "day", "type": "string"}],
        storage_descriptor={
            "location": "s3://lake/events/",
            "columns": columns,
            "ser_de_info": {"serialization_library": "org.openx.data.jsonserde.JsonSerDe"},
        },
    )
    result = {"output_location": f"s3://lake/results-{version}/"}
    workgroup = aws.athena.Workgroup(
        "workgroup", name="lake", force_destroy=True, configuration={"result_configuration": result}
    )
    aws.athena.NamedQuery("query", database=database.name, query="SELECT 1", workgroup=workgroup.id)
    states = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True, "Comment": str(version)}}}
    aws.sfn.StateMachine("machine", role_arn=role.arn, definition=json.dumps(states))
    aws.elasticache.ReplicationGroup(
        "redis", replication_group_id="cache", description=f"version {version}", node_type="cache.t3.micro"
    )
    aws.opensearch.Domain(
        "domain",
        domain_name="search",
        engine_version="OpenSearch_2.11",
        cluster_config={"instance_type": "t3.small.search", "instance_count": 2 if second else 1},
        ebs_options={"ebs_enabled": True, "volume_size": 10},
        encrypt_at_rest={"enabled": True},
    )
    aws.iot.TopicRule(
        "iot",
        name="forward",
        enabled=not second,
        sql="SELECT * FROM 'events'",
        sql_version="2016-03-23",
        republishes=[{"topic": "copies", "role_arn": role.arn, "qos": 1}],
    )
    aws.ssm.Parameter("parameter", name="/story/value", type="String", value=f"version {version}")
    items = aws.dynamodb.Table(
        "items",
        name="items",
        hash_key="id",
        billing_mode="PAY_PER_REQUEST",
        attributes=[{"name": "id", "type": "S"}],
    )
    item = {"id": {"S": "1"}, "version": {"N": str(version)}}
    aws.dynamodb.TableItem("item", table_name=items.name, hash_key=items.hash_key, item=json.dumps(item))
