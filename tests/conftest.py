"""What holds for all tests: those that share the machine's engine or browser follow each other on one worker."""

import pytest

ONE_AT_A_TIME = ("engine", "browser")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.get_closest_marker(name) for name in ONE_AT_A_TIME):
            item.add_marker(pytest.mark.xdist_group("machine"))
