"""Policy documents of the programs."""

import json
from typing import Any


def policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **item} for item in statements]})


def trust(service: str) -> str:
    """A trust policy for an AWS service."""
    return policy({"Principal": {"Service": service}, "Action": "sts:AssumeRole"})
