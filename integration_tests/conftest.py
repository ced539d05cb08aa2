"""Fixtures of every integration test: the cloud, accounts, identities, and factories that remove what they made.

`--target local` (default) starts one local cloud for each pytest-xdist worker; `localstack` uses LOCALSTACK_HOST or
AWS_ENDPOINT_URL; `aws` uses the profiles named in TRIBUTARY_TEST_PROFILES, one for each account; `plain` starts the
emulator without this project's additions, to show what they are worth. A test that a target cannot pass says so:
`@pytest.mark.differs("aws", "the reason")`; what LocalStack does not do is in `support/gaps.py`.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from integration_tests.support import factories, gaps, waiting
from integration_tests.support.addressing import Clients, Cloud, credentials_of
from integration_tests.support.launching import PROGRAMS, launched
from integration_tests.support.localstack import PATIENCE, endpoint, localstack
from localcloud.faults import Faults

TARGETS = (*PROGRAMS, "localstack", "aws")
_COLLECTED = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--target", choices=TARGETS, default="local", help="where integration tests run (default: local)")
    parser.addoption(
        "--real-provider",
        choices=("one", "all"),
        default="one",
        help="how many stacks the real Terraform provider deploys, where it is found (default: the smallest one)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "differs(target, reason): the target is known not to do this; skipped there")
    if config.getoption("--target") == "localstack":
        waiting.patience = PATIENCE


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    target = config.getoption("--target")
    for item in items if target == "localstack" else ():
        gap = gaps.gap_of(item.nodeid, getattr(item, "fixturenames", ()))
        if gap is not None and localstack(config).lacks(gap.name):
            item.add_marker(pytest.mark.skip(reason=f"LocalStack differs: {gap.reason} ({gap.name})"))
    for item in items:
        for mark in item.iter_markers("differs"):
            if mark.args[0] == target:
                item.add_marker(pytest.mark.skip(reason=f"{target} differs: {mark.args[1]}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failed test shows where it ran, and what a cloud that was started for it logged."""
    report = yield
    cloud = getattr(item, "funcargs", {}).get("cloud")
    if report.failed and cloud is not None:
        # The log of a cloud whose folder was taken away is gone, too.
        log = (
            cloud.log.read_text(errors="replace")[-6000:]
            if cloud.log and cloud.log.exists()
            else "Its log is with whoever started it."
        )
        report.sections.append((f"Target: {cloud}; end of its log", log))
    return report


def pytest_report_header(config: pytest.Config) -> str:
    target = config.getoption("--target")
    return f"target: {target} at {endpoint()}" if target == "localstack" else f"target: {target}"


def pytest_collection_finish(session: pytest.Session) -> None:
    session.config.stash[_COLLECTED] = [item.nodeid for item in session.items]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A run that is ended before its time says which tests it has not come to."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    ended = {report.nodeid for report in reports if getattr(report, "when", "") == "teardown"}
    left = Counter(name.partition("::")[0] for name in config.stash.get(_COLLECTED, ()) if name not in ended)
    if left and not config.option.collectonly:
        terminalreporter.section("not run")
        for file, count in left.items():
            terminalreporter.line(f"{file}: {count}")


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The cloud under test, started for this worker when the target is a local one."""
    target, folder = request.config.getoption("--target"), tmp_path_factory.mktemp("cloud")
    if target in PROGRAMS:
        with launched(target, folder) as (started, log):
            yield Cloud(target, started, folder, log, lacks=lambda name: (target, name) == ("plain", "control API"))
    elif target == "localstack":
        yield localstack(request.config)
    else:
        yield Cloud(target, None, folder)


@pytest.fixture
def account(cloud: Cloud) -> Iterator[Callable[[], str]]:
    """`account()` is the id of an account nobody else uses while the test runs."""
    with ExitStack() as until:
        yield lambda: cloud.lend_account(until)


@pytest.fixture
def clients(cloud: Cloud) -> Callable[[str], Clients]:
    """`clients(account_id)` are boto3 clients as the account's administrator: `clients(a).kinesis.put_record(…)`."""
    known: dict[str, Clients] = {}

    def of(account_id: str) -> Clients:
        if account_id not in known:
            known[account_id] = cloud.clients(cloud.session(account_id), account_id)
        return known[account_id]

    return of


@pytest.fixture
def session_of(cloud: Cloud, clients: Callable[[str], Clients]) -> Callable[..., Clients]:
    """`session_of(role_arn)` are clients as that role; assumed by `by` (default: its account's administrator)."""

    def assumed(role_arn: str, by: Clients | None = None, **options: object) -> Clients:
        account_id = role_arn.split(":")[4]
        caller = by or clients(account_id)
        options = {"RoleSessionName": "test", **options}
        answer = caller.sts.assume_role(RoleArn=role_arn, **options)
        return cloud.clients(credentials_of(caller.session, cloud.region, answer["Credentials"]), account_id)

    return assumed


@pytest.fixture(scope="session")
def eventually() -> Callable[..., object]:
    return waiting.eventually


@pytest.fixture(scope="session")
def unique() -> Callable[[str], str]:
    """`unique("orders")` is a name that no other test uses."""
    return lambda prefix: f"{prefix}-{secrets.token_hex(5)}"


@pytest.fixture
def cleanup() -> Iterator[Callable[..., object]]:
    """`cleanup(call, *args, **kwargs)` is called at the end, last registered first; what is gone is no error."""
    with ExitStack() as stack:
        yield lambda call, *args, **kwargs: stack.callback(factories.unless_gone, call, *args, **kwargs)


@pytest.fixture
def faults(cloud: Cloud) -> Iterator[Faults]:
    """Faults on demand: `with faults.throttle(service="dynamodb", rate=0.3): …`; rules end with the test."""
    if cloud.endpoint is None or cloud.lacks("control API"):
        pytest.skip(f"{cloud} differs: faults can be set on the local cloud only")
    control = Faults(cloud.endpoint)
    yield control
    control.clear()


@pytest.fixture
def make(
    clients: Callable[[str], Clients], unique: Callable[[str], str], cleanup: Callable[..., object]
) -> factories.Factories:
    """Everything a test can make; the fixtures below are its most used methods."""
    return factories.Factories(clients, unique, cleanup)


@pytest.fixture
def role(make: factories.Factories) -> Callable[..., str]:
    return make.role


@pytest.fixture
def principal(make: factories.Factories, session_of: Callable[..., Clients]) -> Callable[..., Clients]:
    """`principal(account_id, [statement(…)])` : clients of a fresh role with these permissions, in `.role_arn`."""

    def acting(account_id: str, statements: list[dict[str, object]]) -> Clients:
        role_arn = make.role(account_id, statements, trusts={"AWS": account_id})
        identity = session_of(role_arn)
        identity.role_arn = role_arn
        return identity

    return acting


@pytest.fixture
def function(make: factories.Factories) -> Callable[..., factories.Function]:
    return make.function


@pytest.fixture
def stream(make: factories.Factories) -> Callable[..., str]:
    return make.stream


@pytest.fixture
def table(make: factories.Factories) -> Callable[..., dict[str, object]]:
    return make.table


@pytest.fixture
def bucket(make: factories.Factories) -> Callable[..., str]:
    return make.bucket


@pytest.fixture
def queue(make: factories.Factories) -> Callable[..., tuple[str, str]]:
    return make.queue
