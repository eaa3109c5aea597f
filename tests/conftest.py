"""What every test shares: the rule that each derivation has an agreement test, and random zero-error points."""

import pytest

from tests.agreement_coverage import complaint, is_collected_whole, registered
from tests.elsewhere import register
from tests.models import PLACES, Place

pytest_plugins = ["pytester"]
register()


@pytest.hookimpl(tryfirst=True)  # before -m and -k deselect anything
def pytest_collection_modifyitems(session, config, items):
    """Refuse to run where a derivation has no agreement test, or a mark names no derivation."""
    if session.testsfailed:  # a module that cannot be imported is reported as that
        return
    whole = is_collected_whole(config, config.rootpath / "tests" / "theory")
    found = complaint(items, registered(), whole=whole)
    if not found:
        return
    if not hasattr(config, "workerinput"):
        raise pytest.UsageError(found)
    # In a process of pytest-xdist an exception would appear as a crash without words; a failed collection keeps them.
    config.hook.pytest_collectreport(report=pytest.CollectReport("tests/theory", "failed", found, []))
    items.clear()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    """A random problem with a point of zero training error."""
    return PLACES[request.param]()
