import os
import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import observe  # noqa: E402
from harness import Server  # noqa: E402

WATCH = observe.Watch() if os.environ.get("OBSERVED") else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    if WATCH:
        WATCH.begin()
    outcome = yield
    if WATCH:
        WATCH.end(outcome.excinfo is None)


def pytest_sessionfinish(session):
    if WATCH:
        observe.write(WATCH)


@pytest.fixture(scope="session")
def server():
    """One server for all tests of a group."""
    with Server() as running:
        yield running


@pytest.fixture()
def fresh_server():
    """A server of this test alone, not started yet."""
    made = Server()
    yield made
    made.close()
