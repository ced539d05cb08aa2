"""Compares two readings of any size in constant memory, where each is in an order of its own.

Keys are dealt to shares by their hash, and of each share only the number of its items and the sum of their digests is
kept. Then only the shares whose sums differ are read again, as many at a time as there is room for.
"""

from collections.abc import Callable, Iterable

from operations.instruments.comparing import HELD_KEYS, Found
from operations.instruments.items import share_of

SHARES = 4096
_MODULUS = 1 << 128

# Reads everything from its beginning: each key with the digest of its item.
Reading = Callable[[], Iterable[tuple[str, int]]]


def compare(source: Reading, far_end: Reading) -> Found:
    """What differs. Raises what the readings raise."""
    (here, sums_here), (there, sums_there) = _sums(source), _sums(far_end)
    unequal = [share for share in range(SHARES) if (here[share], sums_here[share]) != (there[share], sums_there[share])]
    found = Found(items=(sum(here), sum(there)), segments=SHARES, differing_segments=len(unequal))
    for group in _groups(unequal, [max(one, other) for one, other in zip(here, there, strict=True)]):
        digests_here, digests_there = _digests(source, group), _digests(far_end, group)
        found.note("missing", (key for key in digests_here if key not in digests_there))
        found.note("extra", (key for key in digests_there if key not in digests_here))
        found.note("differing", (key for key, one in digests_here.items() if digests_there.get(key, one) != one))
    return found


def _sums(reading: Reading) -> tuple[list[int], list[int]]:
    items, sums = [0] * SHARES, [0] * SHARES
    for key, digest in reading():
        share = share_of(key, SHARES)
        items[share] += 1
        # Two keys whose items are exchanged differ too.
        sums[share] = (sums[share] + digest * (share_of(key, _MODULUS) | 1)) % _MODULUS
    return items, sums


def _digests(reading: Reading, shares: frozenset[int]) -> dict[str, int]:
    return {key: digest for key, digest in reading() if share_of(key, SHARES) in shares}


def _groups(shares: Iterable[int], items: list[int]) -> Iterable[frozenset[int]]:
    """The shares in groups of at most HELD_KEYS items, or of one share."""
    group: list[int] = []
    held = 0
    for share in shares:
        if group and held + items[share] > HELD_KEYS:
            yield frozenset(group)
            group, held = [], 0
        group.append(share)
        held += items[share]
    if group:
        yield frozenset(group)
