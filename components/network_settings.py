"""What a stack file says about the network of functions that must be in one."""

from typing import Annotated

from pydantic import Discriminator, Field, Tag

from components.settings import Settings


class NewNetwork(Settings):
    """A network of this stack, which holds the functions alone and has no way out of AWS's own."""

    cidr_block: str = Field(default="10.0.0.0/24", pattern=r"^\d{1,3}(\.\d{1,3}){3}/(1[6-9]|2[0-4])$")


class ExistingNetwork(Settings):
    """A network that is there already, with the endpoints that the architecture's page in docs names."""

    subnet_ids: tuple[str, ...] = Field(min_length=1, max_length=16)
    security_group_ids: tuple[str, ...] = Field(min_length=1, max_length=5)


def network_form(value: object) -> str:
    """Which of the two a value is meant as: a mistake is told for that."""
    existing = isinstance(value, ExistingNetwork) or (
        isinstance(value, dict) and {"subnetIds", "securityGroupIds"} & value.keys()
    )
    return "literal" if existing else "created"


Network = Annotated[
    Annotated[NewNetwork, Tag("created")] | Annotated[ExistingNetwork, Tag("literal")], Discriminator(network_form)
]
