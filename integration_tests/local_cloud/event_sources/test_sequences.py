"""Random sequences of what can happen to a mapping: no record is lost, and none of a key is applied out of order.

Applied means what the function got and did not fail. Failures pass after a while, as no retry quota is set; lanes,
batches, enabling and the stream's shards change in between.
"""

import itertools
import json
import time
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_tests.local_cloud.event_sources.conftest import READ_STREAMS, put, remove

pytestmark = pytest.mark.local

# Prints what it applied, in order; a record that fails stops the batch, by raising or by reporting.
APPLIER = """
import base64, json, time

def handler(event, context):
    applied = []
    try:
        for record in event["Records"]:
            body = json.loads(base64.b64decode(record["kinesis"]["data"]))
            if time.time() < body.get("until", 0):
                if body["raises"]:
                    raise RuntimeError("record %s" % body["n"])
                return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
            applied.append(body["n"])
        return {"batchItemFailures": []}
    finally:
        print("BATCH " + json.dumps({"at": time.time(), "batch": applied}))
"""

KEYS = [f"key-{n}" for n in range(6)]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 40)),
        st.tuples(st.just("fail"), st.booleans()),
        st.tuples(st.just("shards"), st.integers(1, 4)),
        st.tuples(st.just("update"), st.sampled_from([(1, 1), (3, 1), (10, 1), (5, 3), (2, 5)]), st.booleans()),
        st.tuples(st.just("pause"), st.integers(1, 20)),
    ),
    min_size=4,
    max_size=10,
)


@pytest.fixture
def bench(account, clients, make, function, cleanup, eventually, received):
    """What one sequence needs, made anew for each: `bench()`;
    the function is shared, its log is read from a mark on.
    """
    owner = account()
    applier = function(owner, APPLIER, statements=READ_STREAMS, timeout=30)

    class Bench:
        def __init__(self):
            self.owner, self.kinesis, self.lambda_ = owner, clients(owner).kinesis, clients(owner).lambda_
            self.source = make.stream(owner, 2)
            self.name = self.source.rsplit("/", 1)[-1]
            self.seen_before = len(received(applier))
            self.mapping_id = self.lambda_.create_event_source_mapping(
                FunctionName=applier.name,
                EventSourceArn=self.source,
                StartingPosition="TRIM_HORIZON",
                BatchSize=5,
                BisectBatchOnFunctionError=True,
                FunctionResponseTypes=["ReportBatchItemFailures"],
            )["UUID"]
            self.counter = itertools.count()
            self.sent = []

        def put(self, count, **rest):
            bodies = [{"n": next(self.counter), **rest} for _ in range(count)]
            self.sent += [body["n"] for body in bodies]
            put(clients(owner), self.source, bodies, key=lambda body: KEYS[body["n"] % len(KEYS)])

        def fail(self, raises):
            self.put(1, until=time.time() + 0.7, raises=raises)

        def shards(self, target):
            current = self.kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]
            count = current["OpenShardCount"]
            nearest = max(-(-count // 2), min(2 * count, target))
            self.kinesis.update_shard_count(
                StreamName=self.name, TargetShardCount=nearest, ScalingType="UNIFORM_SCALING"
            )

        def update(self, sizes, bisect):
            batch_size, lanes = sizes
            self._change(BatchSize=batch_size, ParallelizationFactor=lanes, BisectBatchOnFunctionError=bisect)

        def pause(self, count):
            self._change(Enabled=False)
            self.put(count)
            self._change(Enabled=True)

        def applied(self):
            lines = received(applier)[self.seen_before :]
            return [n for line in lines for n in line["batch"]]

        def close(self):
            remove(self.lambda_, self.mapping_id, eventually)

        def _change(self, **request):
            busy = (self.lambda_.exceptions.ResourceInUseException,)
            eventually(
                lambda: self.lambda_.update_event_source_mapping(UUID=self.mapping_id, **request),
                retry=busy,
                timeout=60,
            )

    return Bench


@settings(
    max_examples=8,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=steps)
def test_no_record_is_lost_and_none_is_applied_out_of_order(bench, eventually, sequence):
    state = bench()
    try:
        state.put(5)
        for name, *arguments in sequence:
            getattr(state, name)(*arguments)
        state.put(5)
        applied = eventually(state.applied, until=lambda got: set(got) >= set(state.sent), timeout=60, interval=0.1)
    finally:
        state.close()
    assert set(applied) == set(state.sent)
    per_key = defaultdict(list)
    for n in applied:
        per_key[KEYS[n % len(KEYS)]].append(n)
    for key, numbers in per_key.items():
        first_times = list(dict.fromkeys(numbers))
        assert first_times == sorted(first_times), f"{key}: {numbers} after {json.dumps(sequence)}"
        # A record may come again, but never one that is followed by a later one of its key that was applied before.
        assert numbers == sorted(numbers), f"{key}: {numbers} after {json.dumps(sequence)}"
