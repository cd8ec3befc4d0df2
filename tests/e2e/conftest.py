"""One running instance for all end-to-end tests of a worker."""

from collections.abc import Iterator

import pytest
from tests.e2e.machine import Machine, running


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    with running() as found:
        yield found
