"""The evaluation of policies: who is named how, which side must allow, and what always wins.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator.access.policies import Limit, Principal, Request, ResourcePolicy, allows, decide

pytestmark = pytest.mark.pure

OWN, OTHER = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{OWN}:role/path/reader"
SESSION = f"arn:aws:sts::{OWN}:assumed-role/reader/test"
READER = Principal(SESSION, OWN, ROLE)
STREAM = f"arn:aws:kinesis:us-east-1:{OTHER}:stream/s"
READ = {"Effect": "Allow", "Action": "kinesis:Get*", "Resource": "*"}


def request(**context):
    return Request(READER, "kinesis:GetRecords", STREAM, context)


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def shared_with(principal, **rest):
    return policy({**READ, "Principal": principal, **rest})


NAMES_THE_READER = {
    "role": {"AWS": ROLE},
    "session": {"AWS": SESSION},
    "account": {"AWS": OWN},
    "root": {"AWS": f"arn:aws:iam::{OWN}:root"},
    "anyone": "*",
    "one of several": {"AWS": [f"arn:aws:iam::{OTHER}:role/x", ROLE]},
}
NAMES_SOMEBODY_ELSE = {
    "role without its path": {"AWS": f"arn:aws:iam::{OWN}:role/reader"},
    "role of the other account": {"AWS": f"arn:aws:iam::{OTHER}:role/path/reader"},
    "other account": {"AWS": OTHER},
    "wildcard, which is no wildcard here": {"AWS": f"arn:aws:iam::{OWN}:role/*"},
    "role in other case": {"AWS": ROLE.upper()},
    "service": {"Service": "lambda.amazonaws.com"},
    "nobody": {},
}


@pytest.mark.parametrize("principal", NAMES_THE_READER.values(), ids=NAMES_THE_READER)
def test_across_accounts_both_sides_must_allow(principal):
    shared = ResourcePolicy(shared_with(principal), OTHER)
    assert decide(request(), [policy(READ)], (), shared).allowed
    refused = decide(request(), [], (), shared)
    assert (refused.allowed, refused.decided_by) == (False, "identity-based policy")


@pytest.mark.parametrize("principal", NAMES_SOMEBODY_ELSE.values(), ids=NAMES_SOMEBODY_ELSE)
def test_a_policy_that_names_somebody_else_lets_nobody_in(principal):
    refused = decide(request(), [policy(READ)], (), ResourcePolicy(shared_with(principal), OTHER))
    assert refused.reason == "because no resource-based policy allows the kinesis:GetRecords action"


@pytest.mark.parametrize(
    ("named", "by_itself", "within_a_boundary"),
    [("role", True, False), ("session", True, True), ("account", False, False), ("anyone", True, False)],
)
def test_within_an_account_a_resource_policy_lets_in_whom_it_names_directly(named, by_itself, within_a_boundary):
    shared = ResourcePolicy(shared_with(NAMES_THE_READER[named]), OWN)
    boundary = Limit("permissions boundary", [policy({**READ, "Action": "s3:*"})])
    assert decide(request(), [], (), shared).allowed is by_itself
    assert decide(request(), [], [boundary], shared).allowed is within_a_boundary
    assert decide(request(), [policy(READ)], (), shared).allowed


def test_a_key_policy_must_allow_even_in_its_own_account():
    silent = ResourcePolicy(policy(), OWN, must_allow=True)
    delegating = ResourcePolicy(shared_with({"AWS": OWN}), OWN, must_allow=True)
    assert not decide(request(), [policy(READ)], (), silent).allowed
    assert not decide(request(), None, (), silent).allowed, "not even the root user"
    assert decide(request(), [policy(READ)], (), delegating).allowed
    assert not decide(request(), [], (), delegating).allowed


@pytest.mark.parametrize("owner", [OWN, OTHER])
@pytest.mark.parametrize("kind", ["identity-based policy", "resource-based policy", "session policy"])
def test_an_explicit_deny_wins_wherever_it_stands(owner, kind):
    deny = {**READ, "Effect": "Deny"}
    identity, resource, limits = [policy(READ)], [{**READ, "Principal": "*"}], [policy(READ)]
    {"identity-based policy": identity, "session policy": limits}.get(kind, []).append(policy(deny))
    if kind == "resource-based policy":
        resource.append({**deny, "Principal": {"AWS": OWN}})
    decided = decide(request(), identity, [Limit("session policy", limits)], ResourcePolicy(policy(*resource), owner))
    article = "an" if kind.startswith("i") else "a"
    assert (decided.allowed, decided.reason) == (False, f"with an explicit deny in {article} {kind}")


def test_a_deny_for_everybody_but_the_reader_spares_the_reader():
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "NotPrincipal": {"AWS": [ROLE, SESSION, OWN]}}
    shared = ResourcePolicy(policy({**READ, "Principal": "*"}, deny), OWN)
    assert decide(request(), [], (), shared).allowed
    stranger = Request(Principal(f"arn:aws:iam::{OTHER}:user/x", OTHER), "kinesis:GetRecords", STREAM)
    assert not decide(stranger, [policy(READ)], (), shared).allowed


CONDITIONS = [
    ({"StringEquals": {"sts:ExternalId": "a"}}, {"sts:externalid": "a"}, True),
    ({"StringEquals": {"sts:ExternalId": "a"}}, {"sts:externalid": "b"}, False),
    ({"StringEquals": {"sts:ExternalId": "a"}}, {}, False),
    ({"StringNotEquals": {"sts:ExternalId": "a"}}, {}, True),
    ({"StringEqualsIfExists": {"sts:ExternalId": "a"}}, {}, True),
    ({"Null": {"sts:ExternalId": "true"}}, {}, True),
    ({"Null": {"sts:ExternalId": True}}, {"sts:externalid": "a"}, False),
    ({"Bool": {"aws:SecureTransport": False}}, {"aws:securetransport": "false"}, True),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:t"}}, {"aws:sourcearn": "arn:aws:sns:us-east-1:1:t"}, True),
    ({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["a"]}}, {"dynamodb:leadingkeys": ["a", "b"]}, False),
    ({"StringEquals": {"aws:PrincipalTag/team": "${aws:ResourceTag/team}"}}, {"aws:principaltag/team": "x"}, False),
    (
        {"StringEquals": {"aws:PrincipalTag/team": "${aws:ResourceTag/team}"}},
        {"aws:principaltag/team": "x", "aws:resourcetag/team": "x"},
        True,
    ),
]


@pytest.mark.parametrize(("condition", "context", "holds"), CONDITIONS)
def test_conditions_hold_for_what_the_request_carries(condition, context, holds):
    assert allows([policy({**READ, "Condition": condition})], request(**context)) is holds


def test_a_variable_without_a_value_matches_no_resource():
    statement = {**READ, "Resource": "arn:aws:kinesis:*:*:stream/${aws:username}"}
    assert not allows([policy(statement)], request())
    assert allows([policy(statement)], request(**{"aws:username": "s"}))
    assert allows([policy({**statement, "Resource": "arn:aws:kinesis:*:*:stream/${aws:username, 's'}"})], request())


principals = st.sampled_from([*NAMES_THE_READER.values(), *NAMES_SOMEBODY_ELSE.values()])
statements = st.builds(
    lambda effect, action, principal: {**READ, "Effect": effect, "Action": action, "Principal": principal},
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["kinesis:*", "kinesis:GetRecords", "s3:*"]),
    principals,
)
documents = st.lists(statements, max_size=3).map(lambda found: policy(*found))


@given(st.lists(documents, max_size=2), documents, st.sampled_from([OWN, OTHER]), st.booleans(), statements)
def test_one_more_deny_never_allows_and_one_more_allow_never_denies(identity, shared, owner, must_allow, more):
    before = decide(request(), identity, (), ResourcePolicy(shared, owner, must_allow))
    wider = policy(*shared["Statement"], more)
    after = decide(request(), identity, (), ResourcePolicy(wider, owner, must_allow))
    if more["Effect"] == "Deny":
        assert before.allowed or not after.allowed
    else:
        assert after.allowed or not before.allowed
