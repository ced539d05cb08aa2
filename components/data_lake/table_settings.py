"""What both sides of a data lake say in a stack file: the keys of the table, and where its changes are."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from components.data_lake.layout import Layout
from components.naming import PhysicalName
from components.settings import Architecture, Settings

# What begins the name of every alias.
ALIAS = "alias/"


def not_awss(alias: str) -> str:
    """An alias that is not AWS's own. Raises ValueError."""
    if alias.startswith("alias/aws/"):
        raise ValueError("`alias/aws/` begins the aliases of AWS's own keys: choose another name")
    return alias


# https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
KeyAlias = Annotated[
    str, StringConstraints(pattern=r"^alias/[A-Za-z0-9/_-]+$", max_length=256), AfterValidator(not_awss)
]


class Key(Settings):
    """A key attribute of the table: its name and its type, S, N or B."""

    name: str = Field(min_length=1, max_length=255)
    type: Literal["S", "N", "B"] = "S"


class TableSettings(Architecture):
    """What both sides say: the keys of the table, and the layout of the bucket."""

    partition_key: Key = Key(name="id")
    sort_key: Key | None = None
    layout: Layout = Layout()
    # The name by which people find the customer key; `alias/tributary/<instance>` when left out.
    key_alias: KeyAlias | None = None

    @property
    def said_bucket(self) -> str | None:
        """The name of the lake's bucket, where the file says it."""
        return None

    def beside(self, other: Architecture, where: str) -> Iterable[str]:
        if not isinstance(other, TableSettings) or self.said_bucket is None or self.said_bucket != other.said_bucket:
            return
        if self.layout.mixes_with(other.layout):
            yield (
                f"layout.format` is {self.layout.format!r}, but {where} says {other.layout.format!r} for the same "
                f"folder of the bucket {self.said_bucket!r}: a table reads objects of one format. Say the same in "
                f"both, or `layout.prefix: {self.layout.prefix_of_its_own}` here."
            )

    @property
    def keys(self) -> dict[str, str]:
        """Key attributes and their types, the partition key first."""
        return {key.name: key.type for key in (self.partition_key, self.sort_key) if key is not None}

    @property
    def own_alias(self) -> str | None:
        """The alias that the stack file says, with the prefix of names."""
        return self.key_alias and f"{ALIAS}{self.name_prefix}{self.key_alias.removeprefix(ALIAS)}"

    def key_alias_name(self, instance: str) -> PhysicalName:
        if self.own_alias is None:
            return super().key_alias_name(instance)
        value = self.own_alias.removeprefix(ALIAS)
        return PhysicalName(what="key alias", key="keyAlias", value=value, before=ALIAS)

    def work_bucket_name(self, instance: str) -> PhysicalName:
        """The bucket of exports and, where the lake is, of results."""
        return self.from_instance("bucket", instance, after="-work-bucket", automatic=True)
