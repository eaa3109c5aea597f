import re
import shutil
import subprocess

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser

from tests.theory.index_algebra.products import A, expressions, matrix_products
from theory.drift import derive
from theory.index_algebra import DELTA, TANGENT, THETA, ZERO, Expr, Factor, H, Head
from theory.index_algebra.latex import displayed, document
from theory.matrix_sensing import MEASUREMENT, REG, TRUTH, U, mean_reg, reg_variance
from theory.rule import ETA, RESIDUAL, SIGMA, SMALL_LR, SMALL_NOISE, B, LabelNoise, Rule
from theory.second_moments import S
from theory.update_expansion import X

QUARTIC = RESIDUAL**2 + RESIDUAL**4 / 10
EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)
MANY = sum((Expr.of(*(Factor(X, None, (k // 2,)) for k in range(2 * n))) * (-ETA) ** n for n in range(12)), ZERO)
LONG = Expr.of(*(Factor(X, None, (k,)) for k in range(24) for _ in "ab"))
RULES = [Rule(), Rule(sampling="full"), Rule(noise=LabelNoise("shared")), Rule(QUARTIC)]


COMMANDS = {
    "left", "right", "frac", "mathbb", "mathrm", "quad", "times", "log", "eta", "sigma", "kappa", "gamma", "delta",
    "theta", "alpha", "Pi", "Gamma",
}  # fmt: skip
"""The commands that a formula may hold besides the thin space."""
parse = MathTextParser("path").parse


def faults(formula: str) -> str:
    """Return what is wrong with a formula; empty if nothing is. Matplotlib refuses bad braces and double scripts."""
    if unknown := set(re.findall(r"\\([a-zA-Z]+|[^a-zA-Z,])", formula)) - COMMANDS:
        return f"unknown commands {unknown}"
    if re.search(r"[^\x20-\x7e]", formula):
        return "not in ASCII"
    try:
        parse(f"${formula}$")
    except ValueError as error:
        return str(error)
    return ""


def lines(display: str) -> list[str]:
    """Return the lines of a displayed formula.

    Raises:
        ValueError: If it is neither one line nor an aligned display.
    """
    if single := re.fullmatch(r"\\\[ (.+) \\\]", display):
        return [single[1]]
    if aligned := re.fullmatch(r"\\begin\{align\*\}\n(.+)\n\\end\{align\*\}", display, re.DOTALL):
        found = [re.fullmatch(r"& (.+?)( \\\\)?", line) for line in aligned[1].split("\n")]
        if all(found) and [bool(line[2]) for line in found] == [True] * (len(found) - 1) + [False]:
            return [line[1] for line in found]
    raise ValueError(f"not a display: {display}")


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("scaling", [SMALL_LR, SMALL_NOISE], ids=lambda s: s.name)
def test_every_step_of_a_derivation_has_formulas_without_faults(rule, scaling):
    derived = derive(rule, scaling)
    for step in derived.steps:
        text, display = step.latex().rstrip().split("\n", 1)
        assert text.endswith(":")
        assert text.count("$") % 2 == 0
        assert [faults(line) for line in lines(display)] == [""] * len(lines(display))
    assert derived.latex() == "\n".join(step.latex() for step in derived.steps)


@EXAMPLES
@given(st.one_of(expressions(), matrix_products(MEASUREMENT, 5, (TRUTH, U))))
def test_every_expression_has_a_formula_without_faults(expr):
    assert faults(expr.latex()) == ""
    assert [faults(line) for line in lines(displayed(expr))] == [""] * len(lines(displayed(expr)))


@pytest.mark.parametrize(
    "formula", [r"\frac{a}{b", r"}a{", r"\left( a", "a_{b}_{c}", "a^{b}^{c}", r"\foo", r"\%", "\u03b8", r"\quadx"]
)
def test_a_faulty_formula_is_noticed(formula):
    assert faults(formula)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_derivations_compile_and_fit_the_page(tmp_path):
    derivations = [derive(rule, scaling).latex() for rule in RULES for scaling in (SMALL_LR, SMALL_NOISE)]
    others = [displayed(expr) for expr in (REG, mean_reg(), reg_variance(), REG * REG, MANY, LONG)]
    (tmp_path / "all.tex").write_text(document("\n".join([*derivations, *others])))
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"], cwd=tmp_path, capture_output=True
    )
    log = (tmp_path / "all.log").read_text(errors="replace")
    assert run.returncode == 0, log
    assert "Overfull" not in log
    assert (tmp_path / "all.pdf").is_file()


def test_a_long_sum_ends_its_lines_before_a_sign():
    first, *others = lines(displayed(MANY))
    assert len(others) > 3
    assert all(re.match("[+-] ", line) for line in others)
    assert " ".join([first, *others]) == MANY.latex()


def test_a_long_product_ends_its_lines_between_factors():
    first, *others = lines(displayed(LONG))
    assert len(others) > 1
    assert all(line.startswith(r"\quad \times ") for line in others)
    assert " ".join([first, *others]).replace(r"\quad \times ", "") == LONG.latex()


def test_a_sum_without_indices_is_broken_too():
    many = sum((sp.Symbol(f"s_{k}") ** 2 for k in range(40)), sp.Integer(0))
    assert len(lines(displayed(many))) > 1
    assert lines(displayed(sp.Symbol("eta") - 1)) == [r"\eta - 1"]


def test_summed_names_do_not_run_out_and_differ():
    names = re.findall(r"x_\{((?:[a-z]|_\{\d+\})+)\}", LONG.latex())
    assert len(names) == 2 * 24
    assert len(set(names)) == 24


def test_free_names_keep_their_subscripts_and_greek_letters():
    assert A("x1", "alpha").latex() == r"A_{x_{1} \alpha}"
    assert A("row", "j").latex() == r"A_{\mathrm{row} j}"
    assert H("k_1", label="data_2").latex() == r"h_{\mathrm{data}_{2}}^{k_{1}}"


def test_heads_with_long_names_and_subscripts_are_readable():
    assert Head("loss", derivative="grows")("j", "k").latex() == r"\mathrm{loss}_{jk}"
    assert Head("x_0", rank=1)("j").latex() == r"{x_{0}}_{j}"
    assert faults(Head("x_0", rank=1)("j").latex()) == ""
    assert THETA("j").latex() == r"\theta_{j}"


def test_labelled_tensors_carry_the_label_below_and_indices_above():
    assert (MEASUREMENT("i", "j", label="a") * U("j", "k")).latex() == "A_{a}^{il} U_{lk}"


def test_equal_scalars_are_a_power():
    scalar = Head("z", rank=0, labelled=True)
    cube = scalar(label="a") * scalar(label="a") * scalar(label="a")
    assert cube.averaged("a").latex() == r"\mathbb{E}_{a}\,z_{a}^{3}"
    assert (X("j") * X("j")).latex() == "x_{k} x_{k}"


def test_a_number_stands_alone():
    assert Expr.number(ETA**2).latex() == r"\eta^{2}"
    assert Expr.number(1).latex() == "1"
    assert Expr.number(-1).latex() == "-1"


def test_average_stands_in_front_of_its_product():
    reg = (H("j", label="a") * H("j", label="a")).averaged("a")
    assert reg.latex() == r"\mathbb{E}_{a}\,h_{a}^{k} h_{a}^{k}"


def test_summed_names_avoid_the_free_ones():
    expr = (H("k", "l", label="a") * H("l", label="a")).averaged("a")
    assert expr.latex() == r"\mathbb{E}_{a}\,h_{a}^{l} h_{a}^{kl}"


def test_matrices_and_displacements_carry_lower_indices():
    assert (TANGENT("i", "j") * X("j")).latex() == r"P_{ik} x_{k}"
    assert S("j", "k").latex() == "S_{jk}"
    assert DELTA("j", "k").latex() == r"\delta_{jk}"


def test_coefficients_stand_in_front():
    assert (X("j") * (ETA**2 * SIGMA**2 / B)).latex() == r"\frac{\eta^{2} \sigma^{2}}{B}\,x_{j}"
    assert (-1 * X("j")).latex() == "-x_{j}"
    assert (X("j") * (1 + ETA)).latex() == r"\left(\eta + 1\right)\,x_{j}"


def test_signs_of_a_sum_are_merged():
    difference = X("j") * ETA - H("j", label="a")
    assert "+ -" not in difference.latex()
    assert faults(difference.latex()) == ""


def test_zero_is_printed():
    assert ZERO.latex() == "0"
    assert Expr.number(sp.Integer(0)).latex() == "0"


def test_bound_labels_avoid_free_ones():
    squares = (H("k", label="b") * H("k", label="b")).averaged("b")
    assert (H("j", label="a") * squares).latex() == r"\mathbb{E}_{b}\,h_{a}^{j} h_{b}^{k} h_{b}^{k}"
