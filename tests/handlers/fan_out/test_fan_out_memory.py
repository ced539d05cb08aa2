"""The stores in memory, on which the protocol is proved, keep the promises of DynamoDB's."""

from __future__ import annotations

import pytest
from lane_rules import LaneRules
from memory import MemoryLanes

pytestmark = pytest.mark.pure


class TestMemoryLanes(LaneRules):
    @pytest.fixture
    def lanes(self) -> MemoryLanes:
        return MemoryLanes()
