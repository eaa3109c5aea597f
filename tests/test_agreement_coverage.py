"""The rule itself, on small trees: a derivation without an agreement test stops the run before any test does."""

import textwrap
from pathlib import Path

import pytest

from tests.agreement_coverage import registered

ROOT = Path(__file__).parents[1]
CONFTEST = "from tests.conftest import pytest_collection_modifyitems"
SETTINGS = "[pytest]\nmarkers = agreement(derivation): a derivation against autograd"


def module(names: list[str], body: str = "") -> str:
    """Return a test module with one marked test per name, and what else is given."""
    tests = "\n".join(
        f"@pytest.mark.agreement({name!r})\ndef test_agreement_{number}(): pass\n" for number, name in enumerate(names)
    )
    return f"import pytest\n{tests}\n{textwrap.dedent(body)}\ndef test_else(): pass\n"


@pytest.fixture
def tree(pytester: pytest.Pytester) -> pytest.Pytester:
    """A tree with tests/theory and an unrelated directory, under this suite's own collection hook."""
    pytester.makeini(SETTINGS)
    pytester.makeconftest(CONFTEST)
    (pytester.path / "tests" / "theory").mkdir(parents=True)
    (pytester.path / "tests" / "other").mkdir()
    (pytester.path / "tests" / "other" / "test_other.py").write_text("def test_other(): pass\n")
    return pytester


def write(tree: pytest.Pytester, name: str, text: str) -> None:
    (tree.path / "tests" / "theory" / name).write_text(text)


def run(tree: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Return the result of a run in this process, without the plugins that only cost time here."""
    return tree.runpytest_inprocess("-p", "no:hypothesispytest", "-p", "no:benchmark", "-p", "no:xdist", *arguments)


def test_all_modules_of_theory_are_searched_for_derivations():
    assert {"drift", "update-expansion", "stationary-covariance", "regulariser"} <= registered()


@pytest.mark.parametrize("arguments", [(), ("tests",), ("tests/theory",), ("-m", "agreement"), ("-k", "else")])
def test_run_with_an_agreement_test_for_every_derivation_passes(tree, arguments):
    write(tree, "test_inner.py", module(sorted(registered())))
    assert run(tree, *arguments).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("arguments", [(), ("tests",), ("tests/theory",), ("-m", "agreement"), ("-k", "else")])
def test_run_is_refused_where_a_derivation_has_no_agreement_test(tree, arguments):
    write(tree, "test_inner.py", module(sorted(registered() - {"drift"})))
    result = run(tree, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*no test is marked agreement(name) for the derivations*'drift'*")


def test_marks_may_lie_in_several_modules(tree):
    names = sorted(registered())
    write(tree, "test_first.py", module(names[:1]))
    write(tree, "test_second.py", module(names[1:]))
    assert run(tree, "tests/theory").ret == pytest.ExitCode.OK


@pytest.mark.parametrize(
    "argument", ["tests/other", "tests/theory/test_inner.py", "tests/theory/test_inner.py::test_else"]
)
def test_part_of_the_tests_can_be_run_alone(tree, argument):
    write(tree, "test_inner.py", module([]))
    assert run(tree, argument).ret == pytest.ExitCode.OK


def test_past_failures_can_be_run_alone(tree):
    write(tree, "test_inner.py", module(sorted(registered())))
    write(tree, "test_failing.py", "def test_failing(): assert False\n")
    assert run(tree).ret == pytest.ExitCode.TESTS_FAILED
    assert run(tree, "--lf").ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("argument", ["tests", "tests/theory/test_inner.py"])
def test_mark_that_names_no_derivation_is_refused_everywhere(tree, argument):
    write(tree, "test_inner.py", module([*sorted(registered()), "perpetual motion"]))
    result = run(tree, argument)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*test_inner.py::test_agreement_*perpetual motion*names no registered derivation*")


def test_mark_without_a_name_is_refused(tree):
    write(tree, "test_inner.py", module(sorted(registered()), "@pytest.mark.agreement\ndef test_nameless(): pass"))
    assert run(tree, "tests").ret == pytest.ExitCode.USAGE_ERROR


def test_skipped_test_covers_nothing(tree):
    skipped = "@pytest.mark.skip\n@pytest.mark.agreement('drift')\ndef test_skipped(): pass"
    write(tree, "test_inner.py", module(sorted(registered() - {"drift"}), skipped))
    assert run(tree, "tests").ret == pytest.ExitCode.USAGE_ERROR


def test_module_that_cannot_be_imported_is_reported_as_such(tree):
    write(tree, "test_inner.py", "import a_module_that_does_not_exist\n")
    result = run(tree, "tests")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines("*No module named 'a_module_that_does_not_exist'*")


def test_run_in_several_processes_is_refused_with_the_same_words(tree, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    write(tree, "test_inner.py", module(sorted(registered() - {"drift"})))
    result = tree.runpytest_subprocess("-n", "1", "tests")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines("*no test is marked agreement(name) for the derivations*'drift'*")
    result.assert_outcomes(errors=1)
