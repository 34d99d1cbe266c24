r"""Where a formula bends: the real line cut into pieces on each of which φ is one smooth formula.

Branches (relu, max, …) are resolved from the inside out: the zeros of what decides a branch are the joints. Then what
Assumptions 2 and 3 ask of φ is checked: finite and real everywhere, no jumps, square-integrable with its derivative.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cmp_to_key
from itertools import pairwise

from ntkcalc.activations.formula.functions import (
    DomainError,
    Program,
    RealField,
    branch,
    derivative,
    polynomial,
    program,
    replaced,
    singular_argument,
    taylor,
)
from ntkcalc.activations.formula.joints import MOST_JOINTS, PROBE, Joint, constant, reals, too_many, undefined, values
from ntkcalc.activations.formula.pieces import Piece, Pieces
from ntkcalc.activations.formula.trees import ZERO, Tree, in_order
from ntkcalc.activations.formula.zeros import zeros
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Real, context

_KINK_BITS = 1024  # of jumps
_FIRST_ORDERS, _ORDERS = 2, 24  # derivatives compared on both sides of a joint


def cut(tree: Tree, text: str) -> Pieces:
    """Return the pieces of a plain tree.

    Raises
    ------
    InputError
        Where φ is infinite, not real, jumps, is constant, or grows too fast.
    """
    try:
        return _cut(tree, text)
    except DomainError as error:
        raise InputError(f"{text} is not finite and real everywhere: {error}") from None


def _cut(tree: Tree, text: str) -> Pieces:
    found = _joined(_singularities(list(_smooth(Piece(None, None, tree), text)), text))
    if len(found) == 1 and derivative(found[0].tree) is ZERO:
        raise InputError(f"{text} is constant: a network of it computes nothing")
    for piece in found:
        polynomial(piece.tree)  # refuses high degrees
    raw = Pieces(tuple(found), (True,) * (len(found) - 1), text)
    _check_values(raw)
    kinks = tuple(_is_kink(raw, joint) for joint in raw.joints)
    _check_growth(raw)
    return Pieces(raw.pieces, kinks, text)


def _smooth(piece: Piece, text: str) -> Iterator[Piece]:
    """Resolve the branches inside a piece, the innermost first."""
    found = next(((t, b) for t in in_order(piece.tree) if (b := branch(t)) is not None), None)
    if found is None:
        yield piece
        return
    node, choice = found
    if polynomial(choice.decider) is None:
        _check_real(piece, [choice.decider], text)
    for part in _divided(piece, zeros(choice.decider, piece, text), text):
        chosen = choice.above if _positive(choice.decider, part, text) else choice.below
        yield from _smooth(Piece(part.left, part.right, replaced(piece.tree, node, chosen)), text)


def _singularities(pieces: list[Piece], text: str) -> list[Piece]:
    """Cut where the argument of a root, a power, a logarithm or a denominator vanishes."""
    found = []
    for piece in pieces:
        arguments = {a for t in in_order(piece.tree) if (a := singular_argument(t)) is not None and not a.constant}
        joints = [joint for a in arguments for joint in zeros(a, piece, text)]
        found += _divided(piece, joints, text)
        if len(found) > MOST_JOINTS:
            raise too_many(text)
    return found


def _divided(piece: Piece, joints: list[Joint], text: str) -> list[Piece]:
    """Cut a piece at joints."""
    inner: list[Joint] = []
    for joint in sorted(joints, key=cmp_to_key(_order)):
        if piece.holds_joint(joint) and not (inner and inner[-1].same(joint)):
            inner.append(joint)
    if len(inner) > MOST_JOINTS:
        raise too_many(text)
    return [Piece(a, b, piece.tree) for a, b in pairwise([piece.left, *inner, piece.right])]


def _order(a: Joint, b: Joint) -> int:
    """Return −1, 0 or 1, as a is before, at, or after b."""
    return b.before(a) - a.before(b)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Join neighbours with the same formula, unless it is singular where they meet."""
    found = [pieces[0]]
    for piece in pieces[1:]:
        last = found[-1]
        if piece.left is not None and _alike(last.tree, piece.tree) and not _singular_at(piece.tree, piece.left):
            found[-1] = Piece(last.left, piece.right, last.tree)
        else:
            found.append(piece)
    return found


def _alike(a: Tree, b: Tree) -> bool:
    return a is b or (polynomial(a) is not None and polynomial(a) == polynomial(b))


def _singular_at(tree: Tree, joint: Joint) -> bool:
    ctx = context(PROBE)
    try:
        taylor(tree, RealField(ctx), joint.at(ctx), 1)
    except (DomainError, ZeroDivisionError):
        return True
    return any(
        abs(program([a], RealField(ctx))(joint.at(ctx))[0]) < ctx.ldexp(1, -PROBE // 2)
        for t in in_order(tree)
        if (a := singular_argument(t)) is not None and not a.constant
    )


def _positive(decider: Tree, piece: Piece, text: str) -> bool:
    if decider.constant:
        return bool(constant(decider) > 0)
    return bool(reals([decider], piece.inside, text)[0] > 0)


def _check_real(piece: Piece, trees: list[Tree], text: str) -> None:
    """Refuse trees that are not finite and real on the grid."""
    for x in (*piece.grid(), piece.inside):
        values(trees, x, text)


def _check_values(phi: Pieces) -> None:
    """Refuse a φ that is not finite and real on a grid, or unbounded or torn at a joint."""
    for piece, slope in zip(phi.pieces, phi.slopes, strict=True):
        _check_real(piece, [piece.tree, slope], phi.text)
    for i, joint in enumerate(phi.joints):
        _check_joint(phi, i, joint)


def _check_joint(phi: Pieces, i: int, joint: Joint) -> None:
    """Refuse a pole, a jump, or a derivative that is not square-integrable, at a joint."""
    ctx, limits = context(2 * PROBE), []
    for side, which in ((-1, i), (1, i + 1)):
        run = program([phi.pieces[which].tree, phi.slopes[which]], RealField(ctx))
        try:
            (far, _), (near, slope), (nearest, steeper) = (
                run(joint.at(ctx) + side * ctx.ldexp(1, -n)) for n in (60, 80, 100)
            )
        except DomainError as error:
            raise undefined(phi.text, error, joint.near) from None
        if abs(nearest - near) > 1e-6 * (1 + abs(near)) or abs(near) > 2 * abs(far) + 1e6:
            if _swings(run, joint.at(ctx), side):
                raise InputError(f"{phi.text} has no limit at x = {joint.near:.6g}; phi must be continuous")
            raise InputError(f"{phi.text} is unbounded at x = {joint.near:.6g}; phi must be finite everywhere")
        if abs(steeper) > abs(slope) * ctx.mpf(2) ** 9.95 and abs(steeper) > 1e6:  # like 1/√x or worse
            raise InputError(
                f"{phi.text}: its derivative is not square-integrable at x = {joint.near:.6g}, so that chi is infinite"
            )
        limits.append((nearest, ctx.ldexp(8 * abs(steeper), -100) + ctx.ldexp(1 + abs(nearest), -PROBE // 2)))
    (left, near_left), (right, near_right) = limits
    if abs(left - right) > near_left + near_right:
        raise InputError(
            f"{phi.text} jumps {_from_to(left, right)} at x = {joint.near:.6g}; "
            "Assumption 3 asks for a continuous phi (chi is infinite)"
        )


def _swings(run: Program, place: Real, side: int) -> bool:
    """Return whether values next to a joint go up and down within bounds instead of running off."""
    ctx = place.context
    try:
        values = [run(place + side * ctx.ldexp(1, -n))[0] for n in range(20, 340, 20)]
    except DomainError:
        return False
    rises = {bool(b > a) for a, b in pairwise(values)}
    half = len(values) // 2
    return len(rises) == 2 and bool(max(map(abs, values[half:])) <= 2 * max(map(abs, values[:half])))


def _from_to(left: Real, right: Real) -> str:
    """Return two limits as text, without what is left of the distance at which they were taken."""
    ctx = left.context
    least = ctx.ldexp(max(abs(left), abs(right)), -64)
    before, after = (ctx.nstr(x if abs(x) > least else ctx.zero, 5) for x in (left, right))
    return f"from {before} to {after}" if before != after else f"by {ctx.nstr(right - left, 5)}"


def _is_kink(phi: Pieces, joint: Joint) -> bool:
    """Return whether φ is not analytic at a joint: some derivative jumps, or is not there on one side."""
    ctx = context(_KINK_BITS)
    i = phi.joints.index(joint)
    if all(polynomial(phi.pieces[k].tree) is not None for k in (i, i + 1)):
        return not _alike(phi.pieces[i].tree, phi.pieces[i + 1].tree)
    try:
        return any(
            abs(jump) > ctx.ldexp(ctx.factorial(n), -_KINK_BITS // 2)
            for orders in (_FIRST_ORDERS, _ORDERS)
            for n, jump in enumerate(phi.jumps(joint, orders, ctx))
        )
    except (DomainError, ZeroDivisionError):
        only_divided = all(_only_denominators(phi.pieces[k].tree, joint) for k in (i, i + 1))
        return not (only_divided and phi.pieces[i].tree is phi.pieces[i + 1].tree)


def _only_denominators(tree: Tree, joint: Joint) -> bool:
    """Return whether nothing but denominators vanishes at a joint."""
    ctx = context(PROBE)
    x = joint.at(ctx) + ctx.ldexp(1, -PROBE // 2)
    nodes = [(t, a) for t in in_order(tree) if (a := singular_argument(t)) is not None and not a.constant]
    return all(t.head == "/" or abs(program([a], RealField(ctx))(x)[0]) > ctx.ldexp(1, -16) for t, a in nodes)


def _check_growth(phi: Pieces) -> None:
    """Refuse a φ that outgrows e^{x²/4}, so that φ² has no Gaussian mean."""
    ctx = context(64)
    run = phi.evaluator(ctx)
    for side in (-1, 1):
        for power in (6, 8, 10, 12):
            x = ctx.ldexp(side, power)
            try:
                values = run(x)
            except DomainError as error:
                if not any(said in str(error) for said in ("too large", "division")):  # a branch beyond `REACH`
                    continue
                raise InputError(
                    f"{phi.text} is not square-integrable under the Gaussian weight: {error}, at x = {side * 2**power}"
                ) from None
            if power == 12 and any(abs(v) > ctx.exp(x * x / 4 - 64) for v in values):
                raise InputError(
                    f"{phi.text} is not square-integrable under the Gaussian weight: it outgrows exp(x^2/4), "
                    f"to {ctx.nstr(max(map(abs, values)), 4)} at x = {side * 2**power}"
                )
