"""Laws written as expressions: what is refused, that the rest is differentiated rightly, and kept on disk."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from force_cases.case import build, cloud, gas_at, pull, spread_out
from hostile_expressions import FAMILIES
from pydantic import ValidationError

from gasfield.errors import InputError
from gasfield.expressions import store
from gasfield.expressions.law import law_from
from gasfield.expressions.parse import MAX_LENGTH, Vocabulary, parse
from gasfield.expressions.tree import FUNCTIONS, names
from gasfield.forces.fields.mueller_brown import TERMS as TERMS_OF_THE_PAPER
from gasfield.forces.singular import TIP
from gasfield.spaces import Free, Periodic, Space

FIELD = Vocabulary(["x0", "x1", "x2", "t"], ["a", "b"], length=True)

# --- what is refused ---


def test_there_are_many_hostile_expressions() -> None:
    assert len({text for texts in FAMILIES.values() for text in texts}) > 450


@contextmanager
def bounded_work() -> Iterator[None]:
    """At most 50 calls a character of the longest expression that is read, and 2 kB of memory a character.

    Calls are those of functions in Python and in C. One operation on great integers is no call, but takes memory:
    9**9**9 as an integer has 154 MB.
    """
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    tracemalloc.start()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert calls < 50 * MAX_LENGTH
    assert peak < 2_000 * MAX_LENGTH


@pytest.mark.parametrize("work", [lambda: 1 << 10**8, lambda: [abs(k) for k in range(50_000)]], ids=["power", "calls"])
def test_great_work_is_noticed(work: Callable[[], object]) -> None:
    """The control: a large integer, made by one operation, and a long loop."""
    with pytest.raises(AssertionError), bounded_work():
        work()


@pytest.mark.parametrize("family", FAMILIES)
def test_whatever_is_not_allowed_is_refused(family: str, capfd: pytest.CaptureFixture[str]) -> None:
    """By one message that shows the expression, the column and what is allowed; with little work, and nothing done."""
    for text in FAMILIES[family]:
        with bounded_work(), pytest.raises(InputError) as refused:
            parse(text, FIELD)
        said = str(refused.value)
        assert re.match("expression ['\"].*['\"], column [0-9]+: .*Allowed are numbers", said), said
        assert said.isascii(), said
        assert said.isprintable(), said
        assert len(said) < 700, said
    assert capfd.readouterr() == ("", "")


def test_a_refusal_stands_before_any_work() -> None:
    """Neither SymPy nor a file sees a text that is refused."""
    with pytest.raises(InputError, match="the power is too high"):
        law_from("field", ["9**9**9"], Vocabulary(["x0"]))


ALLOWED = ["x0", "1", "-x0", "+x0", "--x0", " x0\n + x1 ", "2*-x0", "x0**-2", "x0**2.5", "2**x0", "x0**a", "x0**x1**2",
           "1e5*x0", ".5*x0", "5.*x0", "1E-5", "|x|", "| x |", "|x|**2", "exp(-|x|)*x1", "sin(pi*x0)*cos(t)", "pi",
           "a*(x0**2 - 1)**2 + 0.5*b*x1**2", "log(1 + x0**2)", "sqrt(1 + |x|**2)", "tanh(x0) + sinh(x0)*cosh(x1)",
           "atan(x0/x1) - erf(x2) + tan(0.1*x0)", "(" * 40 + "x0" + ")" * 40, "+".join(["x0**2"] * 90), "x0**100",
           "((x0**10)**10)", "1/(1/x0)", "3-2-1", "a/b/2", "(((x0)))", "0", "1e100", "1e-100*x0"]  # fmt: skip
PLACE, TIME, NUMBERS = np.array([0.7, -0.4, 0.3]), 0.5, {"a": 1.3, "b": 0.6}


@pytest.mark.usefixtures("own_store")
def test_what_is_allowed_is_let_through() -> None:
    """The control: each has the value that Python gives it."""
    for text in ALLOWED:
        assert evaluate(text, PLACE)[0] == pytest.approx(float(plain(text, PLACE, math)), rel=1e-13), text


def plain(text: str, place: Any, functions: Any) -> Any:
    """The value by Python, with the functions of a module; the texts are the ones of this file."""
    known = {name: getattr(functions, name) for name in (*FUNCTIONS, "pi")}
    known |= {f"x{j}": value for j, value in enumerate(place)}
    known |= {"L": functions.sqrt(sum(value * value for value in place)), "t": TIME, **NUMBERS}
    text = text.replace("| x |", "L").replace("|x|", "L").replace("\n", " ").strip()
    return eval(text, {"__builtins__": {}}, known)


def evaluate(
    text: str, place: np.ndarray, numbers: dict[str, float] = NUMBERS, dimensions: int = 0
) -> tuple[float, float, np.ndarray]:
    """Energy, Laplacian and force by the generated law (for any dimension or one), run by Python as it is written."""
    variables = [*(f"x{j}" for j in range(len(place))), "t"]
    used = sorted(set(names(parse(text, Vocabulary(variables, list(numbers), True)))) & set(numbers))
    law, force = law_from("field", [text], Vocabulary(variables, used, True), dimensions), np.zeros(len(place))
    energy, laplacian = law.py_func(place, (TIME, TIP, *(numbers[name] for name in used)), force)
    return energy, laplacian, force


@pytest.fixture
def own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Laws of tests that only run them as Python leave nothing in the user's folder."""
    monkeypatch.setattr(store, "_folder", lambda: tmp_path)


# --- derivatives ---


def random_text(rng: np.random.Generator, depth: int) -> str:
    """An expression that is smooth and of moderate size where |x_j| < 1."""
    if depth == 0:
        return str(rng.choice(["x0", "x1", "x2", "|x|", "t", "a", "b", "0.7", "2", "1.3", "pi"]))
    one, two = random_text(rng, depth - 1), random_text(rng, int(rng.integers(depth)))
    forms = [
        "({0} + {1})", "({0} - {1})", "{0}*{1}", "-({0})", "-{0}", "({0})**3", "({0})**4", "({0})**2*({1})",
        "({0})/(1 + ({1})**2)", "sqrt(1 + ({0})**2)", "(1.5 + cos({0}))**(-1.5)", "(2 + sin({0}))**a",
        "(2 + cos({0}))**(0.3*sin({1}))", "exp(-({0})**2)", "log(2 + sin({0}))", "sin({0})", "cos({0} - {1})",
        "tan(0.5*sin({0}))", "atan({0} + {1})", "sinh(sin({0}))", "cosh(0.3*tanh({0}))", "tanh({0})", "erf({0})",
    ]  # fmt: skip
    return str(rng.choice(forms)).format(one, two)


def derivatives(text: str, place: np.ndarray) -> np.ndarray:
    """Energy, Laplacian and force by finite differences of 40 digits, which leave more than float64 holds."""
    with mpmath.workdps(40):
        exact = [mpmath.mpf(float(x)) for x in place]
        lines = [lambda x, j=j: plain(text, [*exact[:j], x, *exact[j + 1 :]], mpmath) for j in range(len(place))]
        bend = sum(mpmath.diff(line, x, 2) for line, x in zip(lines, exact, strict=True))
        slopes = [mpmath.diff(line, x) for line, x in zip(lines, exact, strict=True)]
        return np.array([float(value) for value in (lines[0](exact[0]), bend, *(-slope for slope in slopes))])


@pytest.mark.usefixtures("own_store")
def test_derivatives_are_those_of_finite_differences() -> None:
    """Of 60 random expressions in four dimensions, against differences of 40 digits (mpmath), exact in float64. What is
    left is the rounding of a few hundred operations: 1e-11 of the greatest of the numbers, or of 1."""
    rng, place, controls = np.random.default_rng(5), np.array([0.31, -0.52, 0.77, 0.43]), 0
    for _ in range(60):
        text = random_text(rng, int(rng.integers(1, 5)))
        energy, laplacian, force = evaluate(text, place)
        truth = derivatives(text, place)
        found = np.array([energy, laplacian, *force])
        few = evaluate(text, place, dimensions=4)
        np.testing.assert_array_equal(found, [*few[:2], *few[2]])
        assert np.abs(found - truth).max() < 1e-11 * max(1.0, np.abs(truth).max()), text
        if "a" in text.replace("tan", ""):  # negative control: another parameter is seen
            other = evaluate(text, place, {"a": 1.301, "b": 0.6})
            controls += np.abs(np.array([*other[:2], *other[2]]) - truth).max() > 1e-6
    assert controls > 10


@pytest.mark.usefixtures("own_store")
@pytest.mark.parametrize(
    ("text", "energy", "laplacian"),
    [
        ("|x|**2", 0.0, 6.0),
        ("|x|**4 + 3*|x|**3", 0.0, 0.0),
        ("exp(-|x|**2)", 1.0, -6.0),
        ("sqrt(1 + |x|**2)", 1.0, 3.0),
        ("cosh(2*|x|)", 1.0, 12.0),
        ("log(cosh(|x|))", 0.0, 3.0),
        ("cos(|x|)*(1 + x0)", 1.0, -3.0),
        ("1/(1 + |x|**2)", 1.0, -6.0),
    ],
)
def test_at_the_origin_a_law_of_the_distance_has_its_limit(text: str, energy: float, laplacian: float) -> None:
    """In three dimensions the Laplacian of f(s) = f(0) + c s^2 + ... is 6 c at s = 0."""
    found = evaluate(text, np.zeros(3))
    assert found[:2] == pytest.approx((energy, laplacian), abs=1e-15)
    np.testing.assert_array_equal(found[2], [-1.0, 0.0, 0.0] if "x0" in text else 0.0)


@pytest.mark.usefixtures("own_store")
def test_the_tip_of_a_cone_has_no_direction() -> None:
    assert evaluate("a*(|x| - 1)**2", np.zeros(2))[0] == pytest.approx(1.3)
    np.testing.assert_array_equal(evaluate("a*(|x| - 1)**2", np.zeros(2))[2], 0.0)
    assert np.linalg.norm(evaluate("a*(|x| - 1)**2", np.array([1e-9, 0.0]))[2]) == pytest.approx(2.6)


@pytest.mark.usefixtures("own_store")
def test_whole_powers_are_products() -> None:
    """No call of pow is in the way of the speed of a polynomial, nor a root where powers of the distance are even."""
    law_from("field", ["x0**7 - 3*x0**4 + |x|**6/a**3"], Vocabulary(["x0", "t"], ["a"], True))
    law_from("pair", ["(a/r)**12 - (a/r)**6"], Vocabulary(["r"], ["a"]))
    sources = [path.read_text() for path in store._folder().glob("*.py")]
    assert len(sources) == 2
    assert not any("**" in source or "sqrt" in source for source in sources)


# --- against forces written by hand ---


def surface() -> dict[str, Any]:
    """The surface of Mueller and Brown as an expression."""
    parts = [f"A{k}*exp({a}*(x0 - {x})**2 + {b}*(x0 - {x})*(x1 - {y}) + {c}*(x1 - {y})**2)"
             for k, (_, a, b, c, x, y) in enumerate(TERMS_OF_THE_PAPER)]  # fmt: skip
    numbers = {f"A{k}": 0.05 * term[0] for k, term in enumerate(TERMS_OF_THE_PAPER)}
    return {"energy": " + ".join(parts).replace("- -", "+ "), "parameters": numbers}


HARMONIC = {"energy": "0.5*a*x0**2 + 0.5*b*(x2 - c)**2", "parameters": {"a": 1.5, "b": 4.0, "c": -1.0}}
WELLS = {"energy": "b*((x0/w)**2 - 1)**2 + t0*x0 + 0.5*k*x1**2",
         "parameters": {"b": 2.0, "w": 1.3, "t0": -0.4, "k": 0.7}}  # fmt: skip
SOFT = {"energy": "e*(1 - (r/l)**2)**3", "parameters": {"e": 3.0, "l": 1.2}, "cutoff": 1.2}


@pytest.mark.parametrize(
    ("kind", "law", "by_hand", "numbers", "dimensions"),
    [
        ("expression", HARMONIC, "harmonic", {"stiffness": [1.5, 0.0, 4.0], "centre": [0.0, 0.0, -1.0]}, 3),
        ("expression", WELLS, "double_well", {"barrier": 2.0, "width": 1.3, "tilt": -0.4, "stiffness": 0.7}, 2),
        ("expression", surface(), "mueller_brown", {"scale": 0.05}, 2),
        ("pair_expression", SOFT, "soft_repulsion", {"strength": 3.0, "cutoff": 1.2}, 2),
    ],
)
def test_an_expression_is_the_force_written_by_hand(
    kind: str, law: dict[str, Any], by_hand: str, numbers: dict[str, Any], dimensions: int
) -> None:
    """To the rounding of some ten operations in another order: 1e-14 of the greatest value."""
    gas, space = cloud(dimensions, 0.5, count=200)(), Free(dimensions=dimensions)
    written, truth = build(kind, space, **law), build(by_hand, space, **numbers)
    for found, expected in (
        (pull(written, gas), pull(truth, gas)),
        (written.energy(gas), truth.energy(gas)),
        (written.laplacian(gas), truth.laplacian(gas)),
        (np.array(written.virial(gas)), np.array(truth.virial(gas))),
    ):
        scale = np.abs(expected).max()
        assert scale > 0.1
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-14 * scale * (1 + (by_hand == "soft_repulsion")))


def test_the_time_is_that_of_the_gas() -> None:
    push, gas = build("expression", Free(dimensions=2), force=["a*cos(2*t)", "0"], parameters={"a": 3.0}), cloud(2)()
    for moment in (0.0, 0.4):
        gas.time = moment
        np.testing.assert_allclose(pull(push, gas), np.broadcast_to([3 * math.cos(2 * moment), 0], (12, 2)), rtol=1e-15)


# --- what is kept ---

SECOND = """
import json, sys, tempfile
import numpy as np
from pathlib import Path
from gasfield.expressions import store
from gasfield.expressions.law import law_from
from gasfield.expressions.parse import Vocabulary
from gasfield.forces import Surroundings, external
from gasfield.forces.direct.flat import push_flat, sum_flat
from gasfield.forces.fields.expression import Expression
from gasfield.forces.pairs.pair_expression import PairExpression
from gasfield.gas import Gas
from gasfield.spaces import Free
field, pair = json.loads(sys.argv[1])
gas = Gas(np.array([[0.1, 0.2], [0.5, -0.3]]), np.zeros(2, int), ["gas"], np.zeros(2, int), ["", ""])
for law in (Expression(**field), PairExpression(**pair)):
    force = law.build(Surroundings(Free(dimensions=2)))
    force.check_gas(gas)
    force.add(gas, np.zeros((2, 2)))
kernels = [external._add, external._sum, push_flat, sum_flat]
said = {"sympy": "sympy" in sys.modules,
        "found": sum(sum(kernel.stats.cache_hits.values()) for kernel in kernels),
        "compiled": sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels)}
with tempfile.TemporaryDirectory() as folder:
    store._folder = lambda: Path(folder)
    law_from("field", ["x0"], Vocabulary(["x0"]))
print(json.dumps(said | {"sympy for a new one": "sympy" in sys.modules}))
"""


def test_a_second_process_neither_differentiates_nor_compiles() -> None:
    gas = spread_out(2)()
    for kind, law in (("expression", WELLS), ("pair_expression", SOFT)):
        force = build(kind, Free(dimensions=2), **law)
        force.check_gas(gas)
        pull(force, gas)
    done = subprocess.run(
        [sys.executable, "-c", SECOND, json.dumps([WELLS, SOFT])], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"sympy": False, "found": 4, "compiled": 0, "sympy for a new one": True}


def test_a_law_is_generated_alike_in_every_process() -> None:
    """Whatever the order in which a process keeps its sets: the same lines are the same bits."""
    code = (
        "from gasfield.expressions.generate import SOURCES; from gasfield.expressions.parse import *\n"
        "words = Vocabulary(['x0', 'x1', 'x2', 't'], ['a', 'b', 'c'], True)\n"
        "for text in ('exp(-a*|x|)*sin(b*x0 + c*x1)/(1 + x2**2)', '(a*x0 + b*x1 + c*x2)**3*cos(x0*x1*x2)*x0**a'):\n"
        "    print(SOURCES['field']((parse(text, words),), ('a', 'b', 'c'), 0))"
    )
    sources = [
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True,
                       text=True, check=True).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert "def law" in sources[0]
    assert sources[0] == sources[1]


def test_a_damaged_law_is_generated_again_and_a_private_folder_serves_where_none_can_be_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new"))
    law_from("field", ["x0 + 0.123"], Vocabulary(["x0"]))
    (path,) = (tmp_path / "new" / "expressions").iterdir()  # nothing half-written is left
    whole = path.read_bytes()
    for torn in (whole[:-20], b"", bytes(reversed(whole))):
        path.write_bytes(torn)
        sys.modules.pop(f"gasfield_expression_{path.stem}")
        law_from("field", ["x0 + 0.123"], Vocabulary(["x0"]))
        assert path.read_bytes() == whole
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    law = law_from("field", ["x0 + 0.124"], Vocabulary(["x0"]))
    private = Path(law.py_func.__code__.co_filename).parent
    assert private.stat().st_mode & 0o077 == 0
    assert tmp_path not in private.parents


# --- input errors ---


def refused(space: Space, kind: str, says: str, **law: Any) -> None:
    with pytest.raises((InputError, ValidationError), match=says):
        build(kind, space, **law)


PLANE, TORUS = Free(dimensions=2), Periodic(dimensions=2, side=3.0)


@pytest.mark.parametrize(
    ("space", "law", "says"),
    [
        (PLANE, {}, "give either energy, .* or force"),
        (PLANE, {"energy": "x0", "force": ["x0", "x1"]}, "give either energy, .* or force"),
        (PLANE, {"force": ["x0"]}, "force: 1 components are given; the space has 2"),
        (PLANE, {"energy": 3}, "valid string"),
        (PLANE, {"energy": "x0", "parameters": {"a": 1.0, "b": 2.0}}, "parameters: a, b given, but not used"),
        (PLANE, {"energy": "alfa*x0", "parameters": {"alpha": 1.0}}, "no 'alfa'; did you mean 'alpha'"),
        (PLANE, {"energy": "k*x0"}, "column 1: there is no 'k'; a number of that name would be under 'parameters'"),
        (PLANE, {"energy": "x0 + x2"}, "column 6: there is no 'x2'; the coordinates are x0 to x1"),
        (PLANE, {"energy": "r**2"}, "no 'r'; the distance from the origin is written .x."),
        (PLANE, {"energy": "x0^2"}, "column 3: '\\^' is not allowed; a power is written"),
        (PLANE, {"energy": "x0**2,5"}, "',' is not allowed; .* decimals are written with a point"),
        (PLANE, {"energy": "sqt(x0)"}, "no function 'sqt'; did you mean 'sqrt'"),
        (PLANE, {"energy": "sqrt(-1 - 0*x0)"}, "its energy is nowhere a finite real number"),
        (PLANE, {"energy": "x0*lambda", "parameters": {"lambda": 1.0}}, "'lambda' is a keyword of Python"),
        (PLANE, {"energy": "x0", "parameters": {"x0": 1.0}}, "'x0' has another meaning"),
        (PLANE, {"energy": "t", "parameters": {"t": 1.0}}, "'t' has another meaning"),
        (PLANE, {"energy": "sin*x0", "parameters": {"sin": 1.0}}, "'sin' has another meaning"),
        (PLANE, {"energy": "a b", "parameters": {"a b": 1.0}}, "'a b' is not a name"),
        (PLANE, {"energy": "a*x0", "parameters": {"a": float("nan")}}, "finite number"),
        (PLANE, {"energy": "a*x0", "parameters": {"a": "2*b"}}, "valid number"),
        (PLANE, {"energy": "x0", "parameter": {}}, "unknown key 'parameter'"),
    ],
)
def test_a_field_that_is_not_right_is_refused(space: Space, law: dict[str, Any], says: str) -> None:
    refused(space, "expression", says, **law)


@pytest.mark.parametrize(
    ("space", "law", "says"),
    [
        (PLANE, {}, "energy"),
        (PLANE, {"energy": "1/x"}, "no 'x'; the distance of the two particles is written r"),
        (PLANE, {"energy": "|x|"}, "no .x. here"),
        (PLANE, {"energy": "r*t"}, "there is no 't'"),
        (PLANE, {"energy": "1/r", "cutoff": 0.0}, "greater than 0"),
        (PLANE, {"energy": "1/r", "softening": -1.0}, "greater than or equal to 0"),
        (PLANE, {"energy": "1/r", "core": 2.0, "cutoff": 1.0}, "the core 2 must be smaller than the cutoff 1"),
        (PLANE, {"energy": "log(1 - r)", "cutoff": 2.0}, "is undefined at its cutoff 2"),
        (TORUS, {"energy": "1/r"}, "give a cutoff of at most 1.5"),
        (TORUS, {"energy": "1/r", "cutoff": 1.6}, "side 3 of .* twice the cutoff, 3.2.*at most 1.5"),
    ],
)
def test_a_pair_law_that_is_not_right_is_refused(space: Space, law: dict[str, Any], says: str) -> None:
    refused(space, "pair_expression", says, **law)


def test_a_field_in_a_periodic_space_must_repeat_itself() -> None:
    waves = {"energy": "a*cos(2*pi*x0/3)*sin(4*pi*x1/3)", "parameters": {"a": 0.7}}
    build("expression", TORUS, **waves)
    build("expression", Periodic(dimensions=2, sides=(6.0, 1.5)), **waves)
    refused(Periodic(dimensions=2, sides=(3.0, 3.1)), "expression", "along x1 with the side 3.1", **waves)
    refused(TORUS, "expression", "along x0 with the side 3 .* cos", **WELLS)


@pytest.mark.parametrize(
    ("law", "place", "fine"),
    [
        ({"energy": "1/x0 + sqrt(x1)"}, [0.5, 2.0], True),
        ({"energy": "1/x0 + sqrt(x1)"}, [0.0, 2.0], False),
        ({"energy": "1/x0 + sqrt(x1)"}, [0.5, -2.0], False),
        ({"energy": "1/x0 + sqrt(x1)"}, [0.5, 0.0], False),
        ({"energy": "a*log(|x|) + b*|x|", "parameters": {"a": 1.0, "b": 0.0}}, [0.0, 0.0], False),
        ({"energy": "a*log(|x|) + b*|x|", "parameters": {"a": 1.0, "b": 1.0}}, [0.0, 1e-9], True),
        ({"energy": "a*log(|x|) + b*|x|", "parameters": {"a": 0.0, "b": 1.0}}, [0.0, 0.0], True),
    ],
)
def test_a_particle_where_the_law_has_no_value_is_named(law: dict[str, Any], place: list[float], fine: bool) -> None:
    force = build("expression", PLANE, **law)
    gas = gas_at(np.array([[1.0, 1.0], [1.0, 3.0], place]))
    if fine:
        force.check_gas(gas)
        return
    at = ", ".join(f"{x:g}" for x in place)
    with pytest.raises(InputError, match=rf"undefined at the start of particle 2 of group 'gas', \({at}\)") as refusal:
        force.check_gas(gas)
    assert law["energy"] in str(refusal.value)


def test_particles_at_one_place_need_a_law_that_is_finite_there() -> None:
    law = {"energy": "q*exp(-r/l)/r", "parameters": {"q": 1.5, "l": 0.6}}
    gas = gas_at(np.array([[1.0, 1.0], [0.0, 3.0], [0.0, 3.0]]))
    with pytest.raises(InputError, match=r"undefined at the start of particle 1 .* \(2 particles in all"):
        build("pair_expression", PLANE, **law).check_gas(gas)
    build("pair_expression", PLANE, **law).check_gas(gas.at(gas.positions + 1e-3 * np.arange(3)[:, None]))
    build("pair_expression", PLANE, **law, core=0.05).check_gas(gas)
    build("pair_expression", PLANE, **law, softening=0.05).check_gas(gas)
