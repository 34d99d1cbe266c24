"""Formulas as text: what they mean, their normal form, and that nothing else gets through."""

from __future__ import annotations

import builtins
import re
from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ntkcalc.activations.catalogue import activation
from ntkcalc.activations.formula.expressions.functions import WORDS
from ntkcalc.activations.formula.expressions.grammar import DEEPEST, LONGEST, MOST_TOKENS, parsed
from ntkcalc.activations.formula.expressions.trees import Tree, in_order, node, number, substituted, text_of
from ntkcalc.errors import InputError


def tree(text: str) -> Tree:
    return parsed(text, WORDS)


def normal(text: str) -> str:
    return text_of(tree(text))


def numbers() -> st.SearchStrategy[Tree]:
    """Numbers as they are typed: no sign, finitely many decimals."""
    decimals = st.tuples(st.integers(0, 10**20), st.integers(-30, 30))
    return decimals.map(lambda pair: number(pair[0] * Fraction(10) ** pair[1]))


def applied(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """An operator or a function of such trees."""
    arities = [("neg", 1), *((sign, 2) for sign in "+-*/^")]
    arities += [(name, signature.most) for name, signature in WORDS.functions.items()]
    return st.sampled_from(arities).flatmap(
        lambda pair: st.tuples(*[parts] * pair[1]).map(lambda arguments: node(pair[0], *arguments))
    )


LEAVES = st.sampled_from([node("x"), node("pi"), node("e")]) | numbers()
TREES = st.recursive(LEAVES, applied, max_leaves=12)


# ---------------------------------------------------------------- normal form


@given(TREES)
@example(node("neg", node("*", node("x"), node("x"))))
@example(node("*", node("neg", node("x")), node("x")))
@example(node("neg", node("^", node("x"), number(2))))
@example(node("^", node("neg", node("x")), number(2)))
@example(node("^", number(2), node("neg", node("x"))))
def test_a_formula_in_normal_form_is_the_formula(formula: Tree) -> None:
    assert tree(text_of(formula)) is formula


@given(TREES)
def test_a_normal_form_has_no_spaces_and_no_parentheses_to_spare(formula: Tree) -> None:
    text = text_of(formula)
    assert " " not in text
    for start, end in pairs_of_parentheses(text):
        shorter = text[:start] + text[start + 1 : end] + text[end + 1 :]
        try:
            other = tree(shorter)
        except InputError:
            continue
        # -(-x), x^(-x) and x*(-x) could do without them, which nobody wants to read
        assert other is not formula or text[start + 1] == "-", shorter


def pairs_of_parentheses(text: str) -> list[tuple[int, int]]:
    found, open_ones = [], []
    for i, letter in enumerate(text):
        if letter == "(":
            open_ones.append(i)
        elif letter == ")":
            found.append((open_ones.pop(), i))
    return found


@given(TREES, st.data())
def test_spaces_and_the_spelling_of_powers_do_not_matter(formula: Tree, data: st.DataObject) -> None:
    tokens = re.findall(r"[0-9.]+(?:e[+-]?[0-9]+)?|\w+|.", text_of(formula))
    spaces = data.draw(st.lists(st.sampled_from(["", " ", "\t", "\n "]), min_size=len(tokens), max_size=len(tokens)))
    spelt = [data.draw(st.sampled_from(["^", "**"])) if token == "^" else token for token in tokens]
    text = "".join(space + token for space, token in zip(spaces, spelt, strict=True))
    if len(text) <= LONGEST:
        assert tree(text) is tree(text_of(formula))


@given(TREES)
def test_equal_formulas_are_one_object(formula: Tree) -> None:
    assert node(formula.head, *formula.arguments) is formula
    assert substituted(node("exp", node("x")), {"x": formula}) is node("exp", formula)


@given(TREES)
def test_parts_come_before_what_is_made_of_them_and_once(formula: Tree) -> None:
    order = list(in_order(formula))
    assert len(set(order)) == len(order)
    assert order[-1] is formula
    place = {t: i for i, t in enumerate(order)}
    assert all(place[a] < i for i, t in enumerate(order) for a in t.arguments)


# ---------------------------------------------------------------- meaning


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("-x^2", "-(x^2)"),
        ("2^-x", "2^(-x)"),
        ("2^-x^2", "2^(-(x^2))"),
        ("x^2^3", "x^(2^3)"),
        ("-x*x", "(-x)*x"),
        ("x-1-2", "(x-1)-2"),
        ("x/2/3", "(x/2)/3"),
        ("x/2*3", "(x/2)*3"),
        ("x-1+2", "(x-1)+2"),
        ("2*x^3", "2*(x^3)"),
        ("1+x*2", "1+(x*2)"),
        ("x--x", "x-(-x)"),
        ("+x", "x"),
        ("x++x", "x+x"),
        ("2*-x", "2*(-x)"),
        ("2**3**x", "2^(3^x)"),
    ],
)
def test_operators_bind_as_in_mathematics(text: str, meant: str) -> None:
    assert tree(text) is tree(meant)


@pytest.mark.parametrize(
    ("one", "other"), [("x-(1-x)", "x-1-x"), ("x/(2/x)", "x/2/x"), ("(-x)^2", "-x^2"), ("(x^2)^3", "x^2^3")]
)
def test_parentheses_that_matter_are_kept(one: str, other: str) -> None:
    assert normal(one) == one
    assert tree(one) is not tree(other)


@given(st.integers(0, 10**25), st.integers(0, 25))
def test_numbers_are_exact(digits: int, places: int) -> None:
    written = str(digits).rjust(places + 1, "0")
    text = f"{written[:-places]}.{written[-places:]}" if places else written
    assert tree(text).number == Fraction(digits, 10**places)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1", Fraction(1, 10)), (".5", Fraction(1, 2)), ("5.", Fraction(5)), ("1E-3", Fraction(1, 1000)), ("007", 7)],
)
def test_numbers_in_all_spellings(text: str, value: Fraction) -> None:
    assert tree(text).number == value


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("swish(x)", "silu(x)"),
        ("elu(x)", "elu(x,1)"),
        ("elu(x, alpha = 2)", "elu(x,2)"),
        ("softplus(x)", "softplus(x,1)"),
        ("leaky_relu(x)", "leaky_relu(x,0.01)"),
        ("leaky_relu(x, slope=x)", "leaky_relu(x,x)"),
        ("gaussian(x, sigma=0.5)", "gaussian(x,0.5)"),
    ],
)
def test_other_names_and_arguments_left_out(text: str, meant: str) -> None:
    assert normal(text) == meant


def test_constants_and_the_variable() -> None:
    assert (tree("pi").constant, tree("e").constant, tree("sin(pi)*2").constant) == (True, True, True)
    assert (tree("x").constant, tree("0*x").constant) == (False, False)


# ---------------------------------------------------------------- refusals, with their place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tahn(x)", "'tahn(x)': unknown function 'tahn' at column 1. Did you mean 'tanh'?"),
        ("x*sigmiod(x)", "'x*sigmiod(x)': unknown function 'sigmiod' at column 3. Did you mean 'sigmoid'?"),
        ("1 + swihs(x)", "'1 + swihs(x)': unknown function 'swihs' at column 5. Did you mean 'swish'?"),
        ("Sin(x)", "'Sin(x)': unknown function 'Sin' at column 1. Did you mean 'sin'?"),
        ("qqq(x)", f"'qqq(x)': unknown function 'qqq' at column 1. There are {', '.join(WORDS.functions)}."),
        ("2*y", "'2*y': unknown name 'y' at column 3. The variable is x."),
        ("X+1", "'X+1': unknown name 'X' at column 1. The variable is a small x."),
        ("x+ReLU(x)", "'x+ReLU(x)': unknown function 'ReLU' at column 3. Did you mean 'relu'?"),
        ("LeakyReLU(x)", "'LeakyReLU(x)': unknown function 'LeakyReLU' at column 1. Did you mean 'leaky_relu'?"),
        ("1+x²", "'1+x²': unexpected '²' at column 4. Write ^2 for ²."),
        ("2×x", "'2×x': unexpected '×' at column 2. Write * for ×."),
        ("sin(π*x)", "'sin(π*x)': unexpected 'π' at column 5. Write pi for π."),
        ("x+sin", "'x+sin': sin is a function, used as a number at column 3. Write sin(x)."),
        ("sin x", "'sin x': an operator is missing before 'x' at column 5. Write sin(x), not sin x."),
        ("|x|", "'|x|': unexpected '|' at column 1. Write abs(x) for |x|."),
        ("x*(x>0)", "'x*(x>0)': unexpected '>' at column 5. Write step(x) for x > 0."),
        ("2x", "'2x': an operator is missing before 'x' at column 2. Write 2*x, not 2x."),
        ("x sin(x)", "'x sin(x)': an operator is missing before 'sin' at column 3. Write x*sin(x), not x sin(x)."),
        ("tanh^2(x)", "'tanh^2(x)': tanh is a function, used as a number at column 1. Write tanh(x)^2."),
        ("log2(x)", "'log2(x)': unknown function 'log2' at column 1. Write log(x)/log(2)."),
        ("floor(x)", "'floor(x)': unknown function 'floor' at column 1. It jumps, and phi must be continuous."),
        ("(x)(x)", "'(x)(x)': an operator is missing before '(' at column 4. Write 2*x, not 2x."),
        ("2(x)", "'2(x)': an operator is missing before '(' at column 2. Write 2*x, not 2x."),
        ("x(x)", "'x(x)': an operator is missing after 'x' at column 1. Write 2*(x), not 2(x)."),
        ("1.2.3", "'1.2.3': an operator is missing before '.3' at column 4. Write 2*x, not 2x."),
        ("x*(1+x", "'x*(1+x': a parenthesis is not closed at column 3."),
        ("x+1)", "'x+1)': cannot read the formula: ')' at column 4."),
        ("x+", "'x+': something is missing after '+' at column 2."),
        ("x+*2", "'x+*2': cannot read the formula: '*' at column 3."),
        ("*x", "'*x': cannot read the formula: '*' at column 1."),
        ("x * * 2", "'x * * 2': cannot read the formula: '*' at column 5."),
        ("x = 2", "'x = 2': cannot read the formula: '=' at column 3."),
        ("max(x)", "'max(x)': max takes 2 arguments, got 1, at column 1."),
        ("2*clip(x,1)", "'2*clip(x,1)': clip takes 3 arguments, got 2, at column 3."),
        ("elu(x,1,2)", "'elu(x,1,2)': elu takes 1 to 2 arguments, got 3, at column 1."),
        ("elu(x,alhpa=2)", "'elu(x,alhpa=2)': elu takes no 'alhpa' here at column 1. Did you mean 'alpha'?"),
        ("tanh(x,alpha=2)", "'tanh(x,alpha=2)': tanh takes no 'alpha' here at column 1."),
        (
            "1e1001*x",
            "'1e1001*x': a number must lie within 1e-1000 and 1e1000, got '1e1001' at column 1.",
        ),
    ],
)
def test_a_refusal_points_at_the_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        tree(text)
    assert str(refused.value) == message


def test_the_column_is_that_of_the_first_wrong_character() -> None:
    with pytest.raises(InputError, match=r"unexpected '\$' at column 7\. A formula holds numbers, x, functions"):
        tree("x*x + $ + $")


@pytest.mark.parametrize(
    "text",
    [
        "x.real",
        "x.__class__",
        "().__class__",
        "__import__('os')",
        "__import__(x)",
        "__builtins__",
        "lambda x: x",
        "lambda",
        "(lambda: x)()",
        "[x]",
        "x[0]",
        "{x}",
        "{x: x}",
        "[x for x in x]",
        "(x for x in x)",
        "(x := 2)",
        "x if x else 1",
        "not x",
        "x and x",
        "x or x",
        "x is x",
        "x in x",
        "x < 1",
        "x == 1",
        "x != 1",
        "~x",
        "x | x",
        "x & x",
        "x % 2",
        "x // 2",
        "x << 2",
        "x @ x",
        "await x",
        "yield x",
        "import os",
        "eval(x)",
        "exec(x)",
        "open(x)",
        "print(x)",
        "getattr(x,x)",
        "None",
        "True",
        "...",
        "'x'",
        '"x"',
        "f'{x}'",
        'f"{x}"',
        "b'x'",
        "x;x",
        "x\\\n+1",
        "x#1",
        "x, x",
        "(x, x)",
        "x,",
        "()",
        "sin(*x)",
        "sin(**x)",
        "elu(x, **x)",
        "sin(x)(x)",
        "1_000*x",
        "0x10*x",
        "0b1*x",
        "1j*x",
        "n0",
        "c0",
        "n0*c0",
        "\x00",
        "x\x00",
        "\\x78",
        "х",  # Cyrillic
        "ｘ",  # full width
        "ｅxp(x)",  # normalised to exp by Python
        "sin（x）",
        "x²",
        "√x",
        "x−1",  # a minus sign
        "x·2",
        "π*x",
        "１*x",
        "٣*x",
        "x\u200b",
        "\ufeffx",
        "\ud800",
    ],
)
def test_nothing_but_a_formula_is_read(text: str) -> None:
    with pytest.raises(InputError) as refused:
        tree(text)
    assert len(str(refused.value).splitlines()) == 1


@given(
    st.text(st.sampled_from("xπ0123456789.e+-*/^(),= _ac'\"[]{}:;\\#@\n") | st.characters(), max_size=40)
    | TREES.map(text_of)
)
def test_pythons_parser_sees_nothing(text: str) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        pytest.fail(f"Python is to compile {arguments[0]!r}")

    with pytest.MonkeyPatch.context() as patch, suppress(InputError):
        patch.setattr(builtins, "compile", refuse)  # which ast.parse calls
        tree(text)


@pytest.mark.parametrize("name", ["eval", "exec", "open", "compile", "__import__", "sympify", "getattr"])
def test_no_function_of_python_is_a_word(name: str) -> None:
    assert name not in {*WORDS.functions, *WORDS.aliases, *WORDS.constants, *WORDS.variables}


# ---------------------------------------------------------------- limits


def test_the_longest_formula() -> None:
    longest = "x" + " " * (LONGEST - 1)
    assert normal(longest) == "x"
    with pytest.raises(InputError, match=f"at most {LONGEST} characters, got {LONGEST + 1}"):
        tree(longest + " ")


def test_the_most_tokens() -> None:
    most = "-" * (MOST_TOKENS - 1) + "x"
    assert tree(most).head == "neg"
    with pytest.raises(InputError, match=f"at most {MOST_TOKENS} numbers, names and signs, got {MOST_TOKENS + 1}"):
        tree("-" + most)


@pytest.mark.parametrize("opening", ["(", "sin("])
def test_the_deepest_formula(opening: str) -> None:
    assert tree(opening * DEEPEST + "x" + ")" * DEEPEST) is not None
    with pytest.raises(InputError, match=f"at most {DEEPEST} parentheses inside each other"):
        tree(opening * (DEEPEST + 1) + "x" + ")" * (DEEPEST + 1))


@pytest.mark.parametrize(
    "text", ["^".join("x" * 150), "-".join("x" * 150), "/".join("x" * 150), "x" + "+-" * 149 + "x"]
)
def test_long_chains_are_read(text: str) -> None:
    assert tree(normal(text)) is tree(text)


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9",
        "x+9**9**9**9",
        "9^9^9^9*x",
        "(9^99)^(9^99)*x",
        "x^(10^100)",
        "(x+1)^1000000",
        "x*((2^200)^200)^200",
        "1e999^200*x",
        "((((x^99)^99)^99)^99)^99",
        "((((x+1)^150)^150)^150)^150",
        "x" * 1_000_000,
        "x+" * 500_000 + "x",
        "(" * 1_000_000,
        "1" * 1_000_000 + "*x",
        "exp(" * 250 + "x" + ")" * 250,
    ],
    ids=lambda text: text[:30],
)
def test_what_is_too_large_is_refused_at_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("expressions.ball_functions", "phi", "expressions.programs"):
        monkeypatch.setattr(f"ntkcalc.activations.formula.{module}.program", None)  # no value is computed
    with pytest.raises(InputError) as refused:
        activation(text)
    assert len(str(refused.value)) < 300


def test_nothing_is_no_formula() -> None:
    for text in ("", "   "):
        with pytest.raises(InputError, match="a formula in x is needed"):
            tree(text)


@pytest.mark.parametrize("digits", ["0" * 900, "9" * 900, "." + "0" * 900 + "1"])
def test_long_numbers_are_exact_and_cheap(digits: str) -> None:
    assert tree(digits).number == Fraction(digits if digits[0] != "." else "0" + digits)
