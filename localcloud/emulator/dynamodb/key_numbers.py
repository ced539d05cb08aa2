"""A number names one item, however it is written: `35E-1` and `3.50` are the key 3.5.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html (Number)
"""

from collections.abc import Callable
from typing import Any

from localcloud.emulator.patching import replaces


def install() -> None:
    from ministack.services import dynamodb

    @replaces("ministack.services.dynamodb", "_extract_key_val", source="faaaf17a7c39")
    def key_value(original: Callable[[Any], str], attribute: Any) -> str:
        """A key attribute as items are filed: numbers in the form in which they are stored."""
        value = original(attribute)
        if isinstance(attribute, dict) and isinstance(number := attribute.get("N"), str):
            return dynamodb._ddb_canonicalize_number(number) or value
        return value
