"""The accounts that tests use: lent for as long as somebody uses them, and new or used before as the target bears."""

import os
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import boto3
import pytest

# Comma-separated AWS profiles, one for each account that a test may ask for with `--target aws`.
PROFILES_VARIABLE = "TRIBUTARY_TEST_PROFILES"


@dataclass
class Accounts:
    """Lends account ids. `another` makes one more, when all that there are is lent; `reused` ones are lent again."""

    another: Callable[[frozenset[str]], str]
    reused: bool
    _free: list[str] = field(default_factory=list)
    _lent: set[str] = field(default_factory=set)

    def lend(self, until: ExitStack) -> str:
        """An account that nobody else uses until the stack closes.

        One in which something could not be removed is not lent again: whoever came next would find it.
        """
        account_id = self._free.pop() if self._free else self.another(frozenset(self._lent))
        self._lent.add(account_id)

        def give_back(failure: type[BaseException] | None, *_: object) -> None:
            self._lent.discard(account_id)
            if self.reused and failure is None:
                self._free.append(account_id)

        until.push(give_back)
        return account_id


def random_account(_: frozenset[str]) -> str:
    return f"{random.SystemRandom().randrange(10**11, 10**12)}"


def profile_account(profiles: dict[str, str], lent: frozenset[str]) -> str:
    """The account of a profile that nobody uses; `profiles` learns whose it is. A skip when there is none left."""
    for profile in filter(None, os.environ.get(PROFILES_VARIABLE, "").split(",")):
        if profile not in {profiles[account_id] for account_id in lent}:
            account_id = boto3.Session(profile_name=profile).client("sts").get_caller_identity()["Account"]
            profiles[account_id] = profile
            return str(account_id)
    return pytest.skip(f"needs one more AWS account: name a profile for each in {PROFILES_VARIABLE}")
