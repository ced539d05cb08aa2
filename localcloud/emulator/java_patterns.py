"""The patterns of AWS's service models, which are regular expressions of Java, as Python's.

They differ in Unicode's categories (`\\p{L}`), which Python lacks; in `\\w`, `\\d` and `\\s`, which are ASCII's in
Java; in a hyphen behind such a class, which is one; and in characters beyond U+FFFF, which are pairs of surrogates.
https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/regex/Pattern.html
"""

import functools
import re
import sys
import unicodedata
from collections.abc import Iterator

# What stands inside of a character class for each of Java's names, all of which are ASCII's.
_CLASSES = {
    r"\w": "a-zA-Z0-9_",
    r"\d": "0-9",
    r"\s": " \\t\\n\\x0b\\f\\r",
    r"\p{ASCII}": "\\x00-\\x7f",
    r"\p{Cntrl}": "\\x00-\\x1f\\x7f",
    r"\p{Print}": "\\x20-\\x7e",
    r"\p{XDigit}": "0-9a-fA-F",
}
_BEYOND = r"\uD800\uDC00-\uDBFF\uDFFF"
_TOKEN = re.compile(r"\\p\{\w+\}|" + re.escape(_BEYOND) + r"|\\.|.", re.DOTALL)
_CATEGORY = re.compile(r"\\p\{(\w+)\}")


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A model's pattern, to be used with `fullmatch`. Raises ValueError when it is of a kind that no model had."""
    try:
        return re.compile("".join(_translated(pattern)), re.DOTALL)
    except re.error as error:
        raise ValueError(f"The pattern {pattern} of a service model cannot be read as Java's: {error}.") from error


def _translated(pattern: str) -> Iterator[str]:
    inside = behind_class = False
    for token in _TOKEN.findall(pattern):
        if token == _BEYOND:
            yield "\U00010000-\U0010ffff"
            continue
        named = _named(token)
        if named is not None:
            yield named if inside else f"[{named}]"
        elif token == "-" and inside and behind_class:
            yield r"\-"
        else:
            inside = token == "[" or (inside and token != "]")
            yield token
        behind_class = named is not None


def _named(token: str) -> str | None:
    """The inside of the class that a token names; None when it names none."""
    if token in _CLASSES:
        return _CLASSES[token]
    category = _CATEGORY.fullmatch(token)
    return _characters(category.group(1)) if category else None


@functools.cache
def _characters(category: str) -> str:
    """All characters of a general category of Unicode, as ranges."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if not unicodedata.category(chr(code)).startswith(category):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
