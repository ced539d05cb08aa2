"""Who may do what: IAM as AWS evaluates it, and every rule of it that the emulator lacks.

Deciding, from the inside out: `policies` evaluates documents, `sessions` are the principals with their policies,
`resource_policies` what resources say themselves, `authorization` puts them together, `callers` knows for whom a
request is served.
Asking, for each request: `lambda_actions` and `request_resources` (with `glue_resources`, `partiql_statements`,
`keys`) name what it does and acts on, `request_authorization` asks, `calls` keeps what was asked,
`foreign_resources` serves it for its owner.
Rules of their own: `item_conditions` (dynamodb:LeadingKeys and the like), `role_boundaries`
(iam:PermissionsBoundary), `session_durations`, `policy_documents` and
`attached_policies` (what can be stored), `policy_principals` and `deleted_principals` (who is named in a policy),
`passed_roles` (iam:PassRole), `glue_containers` (what contains a table or database).
Whether a customer key may be used is beside this folder, in `key_use`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""


def install() -> None:
    """Put every rule in place."""
    from localcloud.emulator.access import (
        attached_policies,
        calls,
        deleted_principals,
        foreign_resources,
        glue_containers,
        item_conditions,
        lambda_actions,
        passed_roles,
        policy_documents,
        policy_principals,
        request_authorization,
        request_resources,
        role_boundaries,
        session_durations,
    )

    for module in (
        lambda_actions,
        request_resources,
        request_authorization,
        calls,
        foreign_resources,
        item_conditions,
        role_boundaries,
        session_durations,
        policy_documents,
        attached_policies,
        policy_principals,
        deleted_principals,
        passed_roles,
        glue_containers,
    ):
        module.install()
