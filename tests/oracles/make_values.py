"""Writes kernel_values.json: Θ_l(ρ) of every named activation from its definition (`definition.py`), to 45 digits.

python tests/oracles/make_values.py            all of it (half an hour)
python tests/oracles/make_values.py tanh       tanh's part, the rest stays as it is
python tests/oracles/make_values.py --check    compares ntkcalc with every number of the file (a minute)
"""

from __future__ import annotations

import json
import random
import sys
import time
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the oracle stands beside, whoever runs us

from definition import ACTIVATIONS, known_thetas

OUTPUT = Path(__file__).with_name("kernel_values.json")
DIGITS = 45
DEPTHS = [1, 2, 3, 5, 8]
SIZES = [
    *("1", "0.999999999999", "0.999999", "0.9999", "0.99", "0.95", "0.9", "0.8", "0.7", "0.6", "0.5", "0.4", "0.3"),
    *("0.2", "0.1", "0.01", "0.000001"),
]
RHOS = [  # 40 of them
    "0",
    *SIZES,
    *(f"-{size}" for size in SIZES),
    *("0.123456789012345678901234567890123456789", "-0.31830988618379067153776752674502872406892"),
    *("0.70710678118654752440084436210484903928484", "-0.85714285714285714285714285714285714285714"),
    "0.57721566490153286060651209008240243104215",
]
NEXT_TO_ONE = ["0.999999999999", "-0.999999999999", "-1"]
VARIED = ["leaky-relu:slope=0.3", "elu:alpha=2", "softplus:beta=3", "gaussian:sigma=0.5"]


def kernels(name: str) -> list[tuple[str, str, str, list[str]]]:
    """Return (activation, sigma_w2, gamma_b2, values of rho): the default kernel at all, others at a few."""
    draw = random.Random(f"ntkcalc {name}")
    chosen = [(name, "1", "0", RHOS)]
    others = [(name, "max", "0"), (name, draw.choice(["0.3", "0.7"]), draw.choice(["0.1", "0.5", "0.9"]))]
    others += [(text, "0.6", "0.1") for text in VARIED if text.startswith(f"{name}:")]
    return chosen + [(*kernel, [*NEXT_TO_ONE, *draw.sample(RHOS, 6)]) for kernel in others]


def record(text: str, sigma_w2: str, gamma_b2: str, rhos: list[str]) -> dict[str, object]:
    """Return one kernel's values: rho -> its thetas in the order of DEPTHS."""
    theta = {}
    for rho in dict.fromkeys(rhos):
        known = known_thetas(text, sigma_w2, gamma_b2, rho, max(DEPTHS), DIGITS)
        theta[rho] = [known[depth - 1] for depth in DEPTHS]
    return {
        "activation": text,
        "sigma_w2": sigma_w2,
        "gamma_b2": gamma_b2,
        "depths": DEPTHS,
        "digits": DIGITS,
        "program": "definition.py",
        "theta": theta,
    }


def check() -> None:
    """Say how far ntkcalc is from each kernel's values, in units of their last digits (rounding: half a unit)."""
    from ntkcalc.kernel.hyperparameters import Kernel
    from ntkcalc.kernel.recursion import theta
    from ntkcalc.numerics.precision import decimal, exact

    for r in json.loads(OUTPUT.read_text()):
        worst, count = Decimal(0), 0
        for rho, values in r["theta"].items():
            for depth, text in zip(r["depths"], values, strict=True):
                kernel = Kernel.of(r["activation"], depth, r["sigma_w2"], r["gamma_b2"])
                ours, theirs = decimal(theta(kernel, exact(rho, "rho"), 170), 52), Decimal(text)
                worst, count = max(worst, abs(ours - theirs).scaleb(-theirs.as_tuple().exponent)), count + 1
        print(f"{r['activation']} {r['sigma_w2']} {r['gamma_b2']}: {count} values, off by {worst:.3f} units at most")


def main() -> None:
    """Write the file anew, activation by activation."""
    if sys.argv[1:] == ["--check"]:
        check()
        return
    names = sys.argv[1:] or list(ACTIVATIONS)
    records = json.loads(OUTPUT.read_text()) if OUTPUT.exists() else []
    for name in names:
        start = time.perf_counter()
        records = [r for r in records if r["activation"].partition(":")[0] != name]
        records += [record(*kernel) for kernel in kernels(name)]
        records.sort(key=lambda r: list(ACTIVATIONS).index(r["activation"].partition(":")[0]))
        OUTPUT.write_text(json.dumps(records, indent=1) + "\n")
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
