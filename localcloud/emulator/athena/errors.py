"""Why a query does not give rows; the message is what the caller reads as its reason.

QueryError(Exception)    the query fails: no such table, no permission, …
  MalformedError         it is not Athena's SQL; refused before it starts
  UnsupportedError       it is Athena's SQL, and nothing that the local cloud runs; refused as well
"""


class QueryError(Exception):
    """A query fails."""


class MalformedError(QueryError):
    """A statement is not Athena's SQL."""


class UnsupportedError(QueryError):
    """The local cloud does not run a statement of this kind."""
