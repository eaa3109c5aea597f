import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
EXAMPLE = EXAMPLES / "own_claim.py"
CHECK = EXAMPLES / "own_check.py"


def run(claims: Path, out: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "verify.all", "--claims", str(claims), "--only", "own.*", "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_own_claim_is_short():
    assert len(EXAMPLE.read_text().splitlines()) <= 40


def test_own_claim_is_derived_measured_and_confirmed(tmp_path):
    done = run(EXAMPLE, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed"


def test_own_step_is_derived_measured_and_confirmed(tmp_path):
    done = run(EXAMPLES / "own_step.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "2 passed, 0 failed"


def test_own_checks_are_confirmed_and_their_wrong_variants_rejected(tmp_path):
    done = run(CHECK, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "controls: 4 of 4 as they should be" in done.stdout
    assert done.stdout.splitlines()[-1] == "2 passed, 0 failed"
    assert (tmp_path / "series" / "own.third-moment.json").is_file()


@pytest.mark.parametrize(
    ("example", "right", "wrong", "last_line"),
    [
        (EXAMPLE, "{4: -6 / 5, 6: 48 / 7}", "{4: 0.0, 6: 0.0}", "0 passed, 1 failed"),
        (EXAMPLE, "12**0.5", "13**0.5", "0 passed, 1 failed"),
        (CHECK, "reflect=lambda block: 1 - block", "reflect=lambda block: 0 * block + 0.5", "1 passed, 1 failed"),
        (CHECK, "STATED: (1 - BETA) ** -2", "STATED: 1", "1 passed, 1 failed"),
    ],
    ids=["gaussian-cumulants", "variance-above-1", "reflected-to-another-law", "no-factor"],
)
def test_a_wrong_example_goes_red(tmp_path, example, right, wrong, last_line):
    text = example.read_text()
    assert text.count(right) == 1
    claims = tmp_path / "wrong_example.py"
    claims.write_text(text.replace(right, wrong))
    done = run(claims, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == last_line


def test_own_claim_at_a_point_with_training_error_is_refused_before_any_simulation(tmp_path):
    claims = tmp_path / "off_manifold.py"
    text = EXAMPLE.read_text().replace("    return interpolated(h", "    problem, _ = interpolated(h")
    text = text.replace(
        ", dtype=torch.float64), theta)\n", ", dtype=torch.float64), theta)\n    return problem, theta + 0.1\n"
    )
    claims.write_text(text)
    done = run(claims, tmp_path)
    assert done.returncode == 2
    assert "theta is not on the zero-loss manifold: largest residual" in done.stderr
    assert "retract" in done.stderr


def test_own_claim_above_the_stability_limit_is_refused_with_the_limit(tmp_path):
    claims = tmp_path / "too_fast.py"
    claims.write_text(EXAMPLE.read_text().replace("(0.008, 0.006", "(0.8, 0.006"))
    done = run(claims, tmp_path)
    assert done.returncode == 2
    assert "lr 0.8 is above the limit of mean-square stability, 0.2282" in done.stderr
