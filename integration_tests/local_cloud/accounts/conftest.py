"""What the tests of keys share."""

import json

import pytest

from integration_tests.local_cloud.event_sources.conftest import (  # noqa: F401 - fixtures of the mapping tests
    batches,
    mapping,
    received,
    recorder,
)
from integration_tests.support.addressing import statement


class Key:
    """A customer key: who may use it is changed by `allow`, whether it can be used by `disable` and `enable`."""

    def __init__(self, kms, owner):
        self._kms = kms
        self._owner = owner
        metadata = kms.create_key(Policy=self._policy([]))["KeyMetadata"]
        self.arn, self.key_id = metadata["Arn"], metadata["KeyId"]

    def _policy(self, statements):
        # Administration without use, so that an account's own policies alone open nothing.
        administration = ["kms:Create*", "kms:Describe*", "kms:Enable*", "kms:Disable*", "kms:Put*", "kms:Get*"]
        administration += ["kms:List*", "kms:Revoke*", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"]
        root = statement(administration, Principal={"AWS": f"arn:aws:iam::{self._owner}:root"})
        return json.dumps({"Version": "2012-10-17", "Statement": [root, *statements]})

    def policy(self, *statements):
        """Replace the key policy; the account's administrator keeps the administration."""
        self._kms.put_key_policy(KeyId=self.arn, PolicyName="default", Policy=self._policy(statements))

    def allow(self, actions, *role_arns, **rest):
        """Let these roles, and nobody else, make these actions."""
        self.policy(statement(actions, Principal={"AWS": list(role_arns)}, **rest))

    def disable(self):
        self._kms.disable_key(KeyId=self.arn)

    def enable(self):
        self._kms.enable_key(KeyId=self.arn)


@pytest.fixture
def key(clients, cleanup):
    """`key(account_id)` is a customer key that nobody may use yet."""

    def make(account_id):
        kms = clients(account_id).kms
        made = Key(kms, account_id)
        cleanup(kms.schedule_key_deletion, KeyId=made.arn, PendingWindowInDays=7)
        return made

    return make
