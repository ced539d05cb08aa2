"""Security groups and their rules."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.checking import Failure
from localcloud.plugin.errors import OperationError
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Transient, Update
from localcloud.plugin.resources.ec2 import TRANSIENT, change_tags, described, tag_specification, tags_of

_DIRECTIONS = {"ingress": "Ingress", "egress": "Egress"}
_ANYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def _permission(context: Context, rule: Mapping[str, Any]) -> dict[str, Any]:
    note = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [*rule.get("securityGroups", []), *([context.id] if rule.get("self") else [])]
    sources = {
        "IpRanges": [{"CidrIp": item, **note} for item in rule.get("cidrBlocks", [])],
        "Ipv6Ranges": [{"CidrIpv6": item, **note} for item in rule.get("ipv6CidrBlocks", [])],
        "PrefixListIds": [{"PrefixListId": item, **note} for item in rule.get("prefixListIds", [])],
        "UserIdGroupPairs": [{"GroupId": item, **note} for item in groups],
    }
    ports = {} if rule["protocol"] == "-1" else {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    return {"IpProtocol": rule["protocol"], **ports, **{name: items for name, items in sources.items() if items}}


def _read_rules(context: Context, permissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_read_rule(context, permission) for permission in permissions]


def _read_rule(context: Context, permission: Mapping[str, Any]) -> dict[str, Any]:
    groups = [item["GroupId"] for item in permission.get("UserIdGroupPairs", []) if "GroupId" in item]
    entries = [
        entry
        for member in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
        for entry in permission.get(member, [])
    ]
    rule = {
        "protocol": permission["IpProtocol"],
        "fromPort": permission.get("FromPort", 0),
        "toPort": permission.get("ToPort", 0),
        "cidrBlocks": [item["CidrIp"] for item in permission.get("IpRanges", [])],
        "ipv6CidrBlocks": [item["CidrIpv6"] for item in permission.get("Ipv6Ranges", [])],
        "prefixListIds": [item["PrefixListId"] for item in permission.get("PrefixListIds", [])],
        "securityGroups": [group for group in groups if group != context.id],
        "self": context.id in groups,
        "description": next((item["Description"] for item in entries if item.get("Description")), ""),
    }
    return {name: value for name, value in rule.items() if value not in ([], "", False)}


def _create_group(context: Context) -> str:
    request = context.request() | {"TagSpecifications": tag_specification(context, "security-group")}
    context.id = str(context.call("CreateSecurityGroup", **request)["GroupId"])
    # As the real provider: the rule that lets everything out, which AWS gives a new group, goes.
    context.call("RevokeSecurityGroupEgress", GroupId=context.id, IpPermissions=[_ANYWHERE])
    _change_rules(context)
    return context.id


def _change_rules(context: Context) -> None:
    for name, direction in _DIRECTIONS.items():
        old, new = context.old.get(name, []), context.inputs.get(name, [])
        removed = [_permission(context, rule) for rule in old if rule not in new]
        added = [_permission(context, rule) for rule in new if rule not in old]
        if removed:
            context.call(f"RevokeSecurityGroup{direction}", GroupId=context.id, IpPermissions=removed)
        if added:
            context.call(f"AuthorizeSecurityGroup{direction}", GroupId=context.id, IpPermissions=added)


def _read_group(context: Context) -> Properties | None:
    live = described(context, "DescribeSecurityGroups", "GroupIds", "SecurityGroups")
    if live is None:
        return None
    return {
        "name": live["GroupName"],
        "description": live["Description"],
        "vpcId": live.get("VpcId", ""),
        "ingress": _read_rules(context, live.get("IpPermissions", [])),
        "egress": _read_rules(context, live.get("IpPermissionsEgress", [])),
        "ownerId": live.get("OwnerId", context.cloud.account),
        "arn": context.arn("ec2", f"security-group/{context.id}"),
        "tags": tags_of(live),
    }


_SOURCES = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")


def _rule_entry(direction: str) -> ResourceType:
    kind = f"SecurityGroup{direction}Rule"

    def permission(context: Context) -> dict[str, Any]:
        inputs = context.inputs
        note = {"Description": inputs["description"]} if inputs.get("description") else {}
        sources = {
            "cidrIpv4": ("IpRanges", "CidrIp"),
            "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
            "prefixListId": ("PrefixListIds", "PrefixListId"),
            "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
        }
        name = next(name for name in sources if name in inputs)
        holder, member = sources[name]
        ports = {"FromPort": inputs.get("fromPort"), "ToPort": inputs.get("toPort")}
        return {
            "IpProtocol": inputs["ipProtocol"],
            **{key: value for key, value in ports.items() if value is not None},
            holder: [{member: inputs[name], **note}],
        }

    def create(context: Context) -> str:
        answer = context.call(
            f"AuthorizeSecurityGroup{direction}",
            GroupId=context.inputs["securityGroupId"],
            IpPermissions=[permission(context)],
            TagSpecifications=tag_specification(context, "security-group-rule"),
        )
        rules = answer.get("SecurityGroupRules", [])
        if not rules:
            raise OperationError("EC2 did not tell the id of the new security group rule.")
        context.id = str(rules[0]["SecurityGroupRuleId"])
        return context.id

    def read(context: Context) -> Properties | None:
        live = described(context, "DescribeSecurityGroupRules", "SecurityGroupRuleIds", "SecurityGroupRules")
        if live is None:
            return None
        state = {
            "securityGroupId": live["GroupId"],
            "ipProtocol": live["IpProtocol"],
            "fromPort": live.get("FromPort"),
            "toPort": live.get("ToPort"),
            "cidrIpv4": live.get("CidrIpv4"),
            "cidrIpv6": live.get("CidrIpv6"),
            "prefixListId": live.get("PrefixListId"),
            "referencedSecurityGroupId": live.get("ReferencedGroupInfo", {}).get("GroupId"),
            "description": live.get("Description"),
            "securityGroupRuleId": context.id,
            "arn": context.arn("ec2", f"security-group-rule/{context.id}"),
            "tags": tags_of(live),
        }
        everything = live["IpProtocol"] == "-1"
        return {
            name: value
            for name, value in state.items()
            if value is not None and not (everything and name in ("fromPort", "toPort"))
        }

    def delete(context: Context) -> None:
        group = context.old["securityGroupId"]
        context.call(f"RevokeSecurityGroup{direction}", GroupId=group, SecurityGroupRuleIds=[context.id])

    return ResourceType(
        token=f"aws:vpc/securityGroup{direction}Rule:{kind}",
        service="ec2",
        operation=f"AuthorizeSecurityGroup{direction}",
        create=create,
        read=read,
        delete=delete,
        updates=(Update(("tags",), change_tags),),
        names={"tags": None, "description": None},
        immutable=("securityGroupId", "ipProtocol", "fromPort", "toPort", "description", *_SOURCES),
        rules=(_source_rule,),
        transient=(*TRANSIENT, Transient("InvalidGroup.NotFound")),
    )


def _source_rule(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    given = [name for name in _SOURCES if name in inputs]
    if len(given) != 1:
        yield Failure("cidrIpv4", f"a rule needs exactly one of {', '.join(_SOURCES)}.")


RESOURCES = (
    ResourceType(
        token="aws:ec2/securityGroup:SecurityGroup",
        service="ec2",
        operation="CreateSecurityGroup",
        create=_create_group,
        read=_read_group,
        delete=lambda context: context.call("DeleteSecurityGroup", GroupId=context.id),
        updates=(
            Update(("ingress", "egress"), _change_rules),
            Update(("tags",), change_tags),
            Update(("revokeRulesOnDelete",), lambda context: None),  # only deletion looks at it
        ),
        names={"name": "GroupName", "ingress": None, "egress": None, "tags": None},
        immutable=("name", "namePrefix", "description", "vpcId"),
        defaults={"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
        computed=("ingress", "egress", "vpcId"),
        write_only=("namePrefix", "revokeRulesOnDelete"),
        unordered=("ingress", "egress", "ingress.cidrBlocks", "egress.cidrBlocks", "ingress.securityGroups",
                   "egress.securityGroups"),
        name=Name(longest=255, prefix_property="namePrefix"),
        transient=TRANSIENT,
    ),
    _rule_entry("Ingress"),
    _rule_entry("Egress"),
)  # fmt: skip
