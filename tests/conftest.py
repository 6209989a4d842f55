import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import Server  # noqa: E402


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
