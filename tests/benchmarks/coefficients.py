"""Speed of the coefficient engines, as ratios to FLINT/Arb doing the same compositions in the same run.

Run as ``python tests/benchmarks/coefficients.py``; needs the extra ``test`` (python-flint). A ratio compares our
whole recurrence step (four outer series: R, R' and their tails) with Arb composing two (R and R').
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable

from flint import arb, arb_series, ctx

from ntkcalc.activations.catalogue import activation
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.numerics.engine import Engine
from ntkcalc.numerics.mpmath_engine import MpmathEngine
from ntkcalc.numerics.numpy_engine import NumpyEngine
from ntkcalc.numerics.precision import bits_for, context
from ntkcalc.series.recurrence import correlation_map_series, layers

RUNS = 5


def median_time(job: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median of several timings, in seconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compositions(engine: Engine, act: str, truncation: int, bits: int) -> tuple[float, float]:
    """Return our time and Arb's for the two compositions of depth 3: R and R' of Σ_2."""
    from ntkcalc.activations.dual import ExpansionPoint

    kernel = Kernel.of(act, 3)
    first = list(layers(MpmathEngine(bits + 40), Kernel.of(act, 2), truncation))[-1]
    a, delta = first.alpha[0], first.alpha_tail[0]
    outers = correlation_map_series(
        kernel.variances.correlation_map(2), ExpansionPoint.between(a, delta), truncation, bits + 40
    )[:2]
    inner = [0 * a, *(c / delta for c in first.alpha[1:])]
    ours = engine.series(inner)
    wide = context(bits + 80)

    def ball(x: object) -> arb:
        return arb(wide.nstr(x, int(bits / 3.2) + 10))

    ctx.prec, ctx.cap = bits, truncation + 1
    theirs = [arb_series([ball(c) for c in r]) for r in outers]
    u = arb_series([ball(c) for c in inner])

    def arb_job() -> None:
        for r in theirs:
            r(u)

    return median_time(lambda: engine.compose(outers, ours)), median_time(arb_job)


def from_scratch(act: str, truncation: int, digits: int) -> float:
    """Return the time of a whole depth-3 computation with nothing cached, Hermite coefficients included."""

    def job() -> None:
        activation.cache_clear()
        list(layers(MpmathEngine(bits_for(digits)), Kernel.of(act, 3), truncation))

    return median_time(job, 3)


def main() -> None:
    """Print the table."""
    bits = bits_for(50)
    for act in ("relu", "tanh"):
        ours, arb53 = compositions(NumpyEngine(), act, 1000, 53)
        print(f"numpy   {act:5} T=1000 compositions        {ours:7.3f} s   / Arb 53 bits  {ours / arb53:6.2f}")
        ours, arb_time = compositions(MpmathEngine(bits), act, 1000, bits)
        print(f"mpmath  {act:5} T=1000 50 digits           {ours:7.3f} s   / Arb {bits} bits {ours / arb_time:6.2f}")
        whole = from_scratch(act, 1000, 50)
        print(f"mpmath  {act:5} T=1000 50 digits, scratch  {whole:7.3f} s   / Arb {bits} bits {whole / arb_time:6.2f}")
    for engine, sizes in ((NumpyEngine(), (1250, 2500, 5000)), (MpmathEngine(bits), (1250, 2500, 5000))):
        times = [median_time(lambda t=t: list(layers(engine, Kernel.of("relu", 3), t)), 1) for t in sizes]  # noqa: B023
        powers = ", ".join(f"T={t}: {x:.2f} s" for t, x in zip(sizes, times, strict=True))
        import math

        growth = math.log(times[-1] / times[0]) / math.log(sizes[-1] / sizes[0])
        print(f"{engine.name:7} relu depth 3, whole: {powers}; grows like T^{growth:.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")


if __name__ == "__main__":
    main()
