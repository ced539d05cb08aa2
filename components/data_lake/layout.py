"""What a stack file may say about where a lake's objects are and what is in them; both sides say it alike."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from components.data_lake.prefixes import ERROR_TYPE, checked_error_prefix, checked_prefix, static_part
from components.settings import Settings

# As the transformer makes them: https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,255}$")]
# https://docs.aws.amazon.com/athena/latest/ug/data-types.html
ColumnType = Annotated[
    str,
    StringConstraints(
        pattern=r"^(string|boolean|tinyint|smallint|int|bigint|float|double|decimal\(\d+,\d+\)|date|timestamp|(array|map|struct)<.+>)$"
    ),
]
ATTRIBUTE_PATH = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
# Megabytes: https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-enable.html and
# https://docs.aws.amazon.com/firehose/latest/dev/enable-record-format-conversion.html
LEAST_PARTITIONED_MB = 64


class Layout(Settings):
    """Where objects are and what is in them.

    `columns` are the items' columns in the catalogue, beside those of the keys and the changes' own; `partition_by`
    names an attribute whose value becomes a folder below the prefix.
    """

    prefix: Annotated[str, AfterValidator(checked_prefix)] = "changes/delivered_on=!{timestamp:yyyy-MM-dd}/"
    error_prefix: Annotated[str, AfterValidator(checked_error_prefix)] = (
        f"errors/{ERROR_TYPE}/!{{timestamp:yyyy-MM-dd}}/"
    )
    format: Literal["json", "parquet"] = "json"
    compression: Literal["UNCOMPRESSED", "GZIP"] = "UNCOMPRESSED"
    # What the catalogue tells of the items' own columns: column → type of Glue.
    columns: dict[ColumnName, ColumnType] = Field(default_factory=dict)
    # The names on the way to the attribute, joined by dots.
    partition_by: str | None = Field(default=None, pattern=ATTRIBUTE_PATH, max_length=128)

    @model_validator(mode="after")
    def _parquet_compresses_itself(self) -> Self:
        if self.format == "parquet" and self.compression != "UNCOMPRESSED":
            raise ValueError("`compression` must be left out with `format: parquet`, which is compressed by itself")
        return self

    @model_validator(mode="after")
    def _errors_are_no_changes(self) -> Self:
        if _overlap(self.prefix, self.error_prefix):
            raise ValueError(
                f"`prefix` and `errorPrefix` share the folder {_folders(self.prefix, self.error_prefix)[0]!r}: what "
                "could not be delivered would be read as changes, or changes be deleted with it. Let them begin with "
                "two folders, such as `changes/` and `errors/`"
            )
        return self

    @field_validator("columns")
    @classmethod
    def _are_the_items(cls, columns: dict[str, str]) -> dict[str, str]:
        if own := sorted(column for column in columns if column.startswith("change_")):
            raise ValueError(
                f"`{own[0]}` would be one of the changes' own columns: an attribute of that name is the column "
                f"`item_{own[0]}`"
            )
        return columns

    def mixes_with(self, other: "Layout") -> bool:
        """Whether objects of both, in one bucket, would be in one folder and of two formats."""
        return self.format != other.format and _overlap(self.prefix, other.prefix)

    @property
    def prefix_of_its_own(self) -> str:
        """A prefix like this one, for this format alone: `changes-parquet/…` for `changes/…`."""
        folder, _, rest = self.prefix.partition("/")
        return f"{folder}-{self.format}/{rest}"

    @property
    def partition_name(self) -> str:
        """The name of the partition: `address.city` is `address_city`."""
        return (self.partition_by or "").replace(".", "_").lower()

    @property
    def delivery_prefix(self) -> str:
        """The prefix as Firehose gets it."""
        if self.partition_by is None:
            return self.prefix
        folder = self.prefix if self.prefix.endswith("/") else f"{self.prefix}/"
        return f"{folder}{self.partition_name}=!{{partitionKeyFromLambda:{self.partition_name}}}/"

    @property
    def least_buffer_mb(self) -> int:
        """What Firehose asks for, in MB."""
        return LEAST_PARTITIONED_MB if self.partition_by or self.format == "parquet" else 1


def _overlap(one: str, other: str) -> bool:
    """Whether one of the folders of two prefixes is in the other, or the same."""
    shorter, longer = _folders(one, other)
    return longer.startswith(shorter)


def _folders(*prefixes: str) -> list[str]:
    """The folders in which everything under the prefixes is, the shortest first."""
    return sorted(map(static_part, prefixes), key=len)
