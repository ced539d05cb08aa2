"""Filter patterns: each rule of the language, and as a whole against the local cloud's own implementation."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.fan_out.filters import compiled
from localcloud.emulator.event_sources import filters as judge

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("rule", "matching", "others"),
    [
        ('"IE"', ["IE", ["FR", "IE"], [["FR"], [["IE"]]]], ["ie", "", None, ["FR"], {"IE": 1}]),
        ('""', [""], [" ", None]),
        ("null", [None], ["", 0, False]),
        ("1", [1, 1.0, [2, 1]], [True, "1", 2]),
        ("true", [True], [1, "true", False]),
        ('{"equals-ignore-case": "ie"}', ["IE", "iE", ["FR", "Ie"]], ["IEE", None, 1]),
        ('{"prefix": "a"}', ["a", "ab"], ["ba", "A", 1, None]),
        ('{"suffix": ".png"}', ["x.png", ["y", "x.png"]], ["x.png.gz", 1]),
        ('{"anything-but": "IE"}', ["FR", 1, None], ["IE", ["FR", "IE"], [["IE"]], {"IE": 1}]),
        ('{"anything-but": ["IE", 1]}', ["FR", 2], ["IE", 1]),
        ('{"anything-but": {"prefix": "a"}}', ["ba", 1], ["ab"]),
        ('{"numeric": [">", 1, "<=", 9]}', [2, 9, 1.5, [0, 3]], [1, 10, "2", True, None]),
        ('{"numeric": ["=", 3]}', [3, 3.0], [4]),
        ('{"exists": true}', ["", None, 0, [1], [[1]]], [{}, {"a": 1}, [], [{"a": 1}]]),
        ('{"exists": false}', [{"a": 1}], ["", None, 0]),
    ],
)
def test_a_rule_matches_what_the_language_says(rule: str, matching: list[Any], others: list[Any]) -> None:
    wanted = compiled(f'{{"a": [{rule}]}}')
    assert [value for value in [*matching, *others] if wanted({"a": value})] == matching


def test_what_is_missing_matches_only_the_rule_that_asks_for_absence() -> None:
    rules = ['"IE"', "null", '{"anything-but": "IE"}', '{"exists": true}', '{"exists": false}']
    assert [rule for rule in rules if compiled(f'{{"a": {{"b": [{rule}]}}}}')({})] == ['{"exists": false}']


def test_all_names_must_match_and_one_of_the_alternatives() -> None:
    wanted = compiled('{"a": [1], "$or": [{"b": [2]}, {"c": {"d": [3, 4]}}]}')
    documents = [{"a": 1, "b": 2}, {"a": 1, "c": {"d": 4}}, {"a": 1, "c": [{"d": 0}, {"d": 3}]}]
    others = [{"a": 1}, {"b": 2}, {"a": 1, "c": {"d": 5}}, {"a": 1, "c": 4}]
    assert [document for document in [*documents, *others] if wanted(document)] == documents


def test_of_an_array_of_patterns_one_must_match() -> None:
    wanted = compiled('[{"a": [1]}, {"b": [2]}]')
    assert [wanted(document) for document in ({"a": 1}, {"b": 2}, {"a": 2, "b": 1})] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "it is not JSON"),
        ("[]", "the filter has no pattern"),
        ("{}", "the pattern must be an object with names in it"),
        ('{"a": "IE"}', "a must be an array of values and rules"),
        ('{"a": {"b": []}}', "a.b must be an array of values and rules"),
        ('{"a": [["IE"]]}', "a has an array in its array of rules"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "a: a rule is an object with one name"),
        ('{"a": [{"wildcard": "*"}]}', 'a: wildcard with "*" is no rule; there are exists, anything-but, numeric'),
        ('{"a": [{"prefix": 1}]}', "a: prefix with 1 is no rule"),
        ('{"a": [{"exists": "yes"}]}', 'a: exists with "yes" is no rule'),
        ('{"a": [{"numeric": [">"]}]}', "a: numeric takes comparisons and numbers in turn"),
        ('{"a": [{"numeric": ["~", 1]}]}', "a: numeric takes comparisons and numbers in turn"),
        ('{"a": [{"anything-but": []}]}', "a: anything-but takes a value"),
        ('{"$or": [{"a": 1}]}', "a must be an array of values and rules"),
    ],
)
def test_what_is_no_pattern_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        compiled(text)


names = st.sampled_from(["a", "b", "c"])
scalars = st.one_of(st.sampled_from(["", "a", "ab", "B", "b"]), st.integers(-2, 2), st.booleans(), st.none())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)
documents = st.dictionaries(names, values, max_size=3)
texts = st.sampled_from(["a", "b", ""])
rules = st.one_of(
    scalars,
    st.builds(lambda name, text: {name: text}, st.sampled_from(["prefix", "suffix", "equals-ignore-case"]), texts),
    st.builds(lambda asked: {"exists": asked}, st.booleans()),
    st.builds(lambda banned: {"anything-but": banned}, st.one_of(texts, st.lists(scalars, min_size=1, max_size=2))),
    st.builds(lambda sign, limit: {"numeric": [sign, limit]}, st.sampled_from(["=", "<", ">="]), st.integers(-1, 1)),
)
leaves = st.lists(rules, min_size=1, max_size=3)
patterns = st.recursive(
    st.dictionaries(names, leaves, min_size=1, max_size=3),
    lambda inner: st.one_of(
        st.dictionaries(names, st.one_of(leaves, inner), min_size=1, max_size=3),
        st.builds(lambda either: {"$or": either}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=6,
)


@given(documents, patterns)
def test_it_agrees_with_the_local_clouds_own_filters(document: dict[str, Any], pattern: dict[str, Any]) -> None:
    text = json.dumps(pattern)
    assert judge.problem_of(text) is None
    assert compiled(text)(document) is judge.matches(document, pattern)
