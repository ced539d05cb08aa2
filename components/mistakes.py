"""What is wrong with a setting, told for the writer of a stack file: where, what was found, what is allowed."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

# The names of the forms that a value may have: pydantic puts them into the path of a mistake, a stack file does not.
FORMS = {"units", "word", "peer", "literal", "created"}

TIMESTAMP_MEANING = 'it must be a time with its zone, such as "2026-11-22T10:00:00Z"'
# What pydantic's kinds of errors mean for the writer of a stack file.
MEANINGS = {
    "bool_parsing": "it must be true or false",
    "bool_type": "it must be true or false",
    "datetime_from_date_parsing": TIMESTAMP_MEANING,
    "datetime_parsing": TIMESTAMP_MEANING,
    "datetime_type": TIMESTAMP_MEANING,
    "greater_than_equal": "it must be at least {ge}",
    "int_from_float": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_type": "it must be a whole number",
    "less_than_equal": "it must be at most {le}",
    "list_type": "it must be a list",
    "literal_error": "it must be {expected}",
    "missing": "it is required",
    "model_type": "it must be a map",
    "string_pattern_mismatch": "it must match {pattern}",
    "string_too_long": "it must have at most {max_length} characters",
    "string_too_short": "it must have at least {min_length} characters",
    "string_type": "it must be text: put it in quotes",
    "timezone_aware": TIMESTAMP_MEANING,
    "tuple_type": "it must be a list",
}


def mistake(model: type[BaseModel], key: str, error: Any) -> str:
    """One of pydantic's errors as an instruction."""
    location = [str(step) for step in error["loc"] if step not in FORMS]
    where = ".".join([key, *location])
    if error["type"] == "extra_forbidden":
        allowed = _fields_at(model, location[:-1])
        return (
            f"`{where}` is not a setting.{nearest(location[-1], allowed)} Allowed here: {', '.join(sorted(allowed))}."
        )
    found = None if error["type"] == "missing" else error["input"]
    template = MEANINGS.get(error["type"])
    meaning = template.format(**error.get("ctx", {})) if template else error["msg"].removeprefix("Value error, ")
    return f"`{where}` is {shown(found)}; {meaning}."


def _fields_at(model: type[BaseModel], path: Iterable[str]) -> list[str]:
    """The keys that a file may have at `path`."""
    models = [model]
    for step in path:
        models = [
            part
            for candidate in models
            for field in candidate.model_fields.values()
            if field.alias == step
            for part in _models_in(field.annotation)
        ]
    return [field.alias or name for candidate in models for name, field in candidate.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def nearest(word: str, allowed: Iterable[str]) -> str:
    """The allowed word that was probably meant, as a question."""
    close = get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean `{close[0]}`?" if close else ""


def shown(value: object) -> str:
    """A value as a message has it."""
    return "missing" if value is None else f"{value!r}"
