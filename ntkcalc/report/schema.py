"""JSON Schema of what each command prints with ``--json``: every field once, with what it means.

Fields may be added later, so that unknown ones are allowed; a breaking change raises the number in ``schema``.
"""

from __future__ import annotations

import json
from typing import Any

from ntkcalc.errors import InputError

Json = dict[str, Any]
Fields = dict[str, tuple[Json, str]]
"""Fields of an object: the kind of each, and what it means."""

DRAFT = "https://json-schema.org/draft/2020-12/schema"

TEXT: Json = {"type": "string"}
FLAG: Json = {"type": "boolean"}
WHOLE: Json = {"type": "integer", "minimum": 0}
DOUBLE: Json = {"type": "number"}
NUMBER: Json = {"$ref": "#/$defs/number"}
BIG: Json = {"anyOf": [WHOLE, {"type": "string", "pattern": "^[0-9]+$"}]}

KERNEL: Json = {"$ref": "#/$defs/kernel"}
DATA: Json = {"$ref": "#/$defs/data"}


def _or_null(kind: Json) -> Json:
    return {"anyOf": [kind, {"type": "null"}]}


def _one_of(*words: str) -> Json:
    return {"enum": [*words]}


def _list(kind: Json) -> Json:
    return {"type": "array", "items": kind}


def _object(fields: Fields, optional: Fields | None = None, **more: Any) -> Json:
    """Return the schema of an object that has all of `fields` and may have `optional` ones."""
    properties = {name: kind | {"description": said} for name, (kind, said) in (fields | (optional or {})).items()}
    return {"type": "object", "properties": properties, "required": [*fields], **more}


_NUMBER: Json = {
    "description": "a number; a string of its digits where there are over 15 of them, or beyond 1e-300 … 1e300",
    "anyOf": [DOUBLE, {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?$"}],
}

_KERNEL = _object(
    {
        "activation": (TEXT, "canonical name, with the parameters that differ from their defaults"),
        "depth": (WHOLE, "layers l, the linear output included"),
        "sigma_w2": (_or_null(NUMBER), "σ_w²; this and the next five are null for networks that have no variances"),
        "sigma_b2": (_or_null(NUMBER), "σ_b² = 1 − σ_w² E[φ²]"),
        "gamma_w2": (_or_null(NUMBER), "γ_w² = 1 − γ_b²"),
        "gamma_b2": (_or_null(NUMBER), "γ_b²"),
        "chi": (_or_null(NUMBER), "χ = σ_w² E[φ'²]"),
        "total": (_or_null(NUMBER), "S_l = Θ_l(1)"),
    }
)

_DATA = _object(
    {
        "source": (TEXT, "where the points come from"),
        "n": (WHOLE, "points"),
        "d": (WHOLE, "coordinates of a point"),
        "rank": (_or_null(WHOLE), "rank of the matrix of points; null where it would cost too much"),
        "normalized_rows": (FLAG, "whether rows were scaled to unit norm"),
    }
)

_MEAN: Fields = {
    "mean": (NUMBER, "mean over the networks"),
    "low": (NUMBER, "lower end of its 95 % interval"),
    "high": (NUMBER, "upper end of its 95 % interval"),
}
INTERVAL = _object(_MEAN, {"trials": (WHOLE, "networks that it is of")})

COEFFICIENTS: Fields = {
    "which": (_one_of("kappa", "alpha", "beta", "mu"), "the series; its coefficients bear this name"),
    "truncation": (WHOLE, "T"),
    "paper_truncation": (FLAG, "whether the paper's own truncated recurrence was used"),
    "coefficients": (
        _list(
            _object(
                {
                    "p": (WHOLE, "degree"),
                    "share": (NUMBER, "share of the total, 0 to 1"),
                    "cumulative": (NUMBER, "share of all coefficients up to p"),
                },
                {
                    "kappa": (NUMBER, "κ_p of the NTK"),
                    "alpha": (NUMBER, "α_p of the NNGP kernel Σ_l"),
                    "beta": (NUMBER, "β_p of R'(Σ_{l−1})"),
                    "mu": (NUMBER, "µ_p, the Hermite coefficient of φ"),
                },
                oneOf=[{"required": [name]} for name in ("kappa", "alpha", "beta", "mu")],
            )
        ),
        "p = 0 … T",
    ),
    "tail": (NUMBER, "the total less the sum of the coefficients"),
}

VALUES: Fields = {
    "truncation": (WHOLE, "T of the series"),
    "paper_truncation": (FLAG, "whether the paper's own truncated recurrence was used"),
    "values": (
        _list(
            _object(
                {
                    "rho": (NUMBER, "ρ"),
                    "theta": (_or_null(NUMBER), "Θ_l(ρ), exact; null for a series of unknown origin"),
                    "series": (NUMBER, "Θ_T(ρ), the truncated series"),
                    "error": (_or_null(NUMBER), "theta − series"),
                    "bound": (_or_null(NUMBER), "proven bound on |error|, rounded up"),
                }
            )
        ),
        "one for each ρ, in the order given",
    ),
}

MATRIX: Fields = {
    "data": (DATA, "the points"),
    "other": (_or_null(DATA), "the other points of a cross matrix"),
    "minimum": (NUMBER, "least entry"),
    "mean": (NUMBER, "mean of the entries"),
    "maximum": (NUMBER, "largest entry"),
    "diagonal": (_or_null(NUMBER), "Θ_l(1); null for a cross matrix"),
    "accuracy": (DOUBLE, "bound on the errors of entries over Θ_l(1)"),
    "output": (_or_null(TEXT), "file that the matrix was written to"),
}

BOUNDS: Fields = {
    "bound": (_or_null(NUMBER), "S_l/c_0 ≥ eff(K) (Theorem 4.1), rounded up; null where c_0 = 0"),
    "centered_ratio": (_or_null(NUMBER), "Σ_{p≥1} c_p/c_1 (Theorem 4.3), rounded up; null where c_1 = 0"),
    "leading": (_or_null(WHOLE), "q, the least degree above 0 with a coefficient"),
    "leading_ratio": (_or_null(NUMBER), "Σ_{p≥q} c_p/c_q, rounded up"),
}

RANKS: Fields = BOUNDS | {
    "data": (DATA, "the points"),
    "gram_effrank": (NUMBER, "eff(XXᵀ)"),
    "kernel_effrank": (NUMBER, "eff(K)"),
    "centered_effrank": (_or_null(NUMBER), "eff(K − (c_0/n) 11ᵀ); null where double precision cannot see it"),
    "centered_bound": (_or_null(NUMBER), "eff(XXᵀ) Σ_{p≥1} c_p/c_1, rounded up"),
    "accuracy": (DOUBLE, "relative error of the measured values"),
    "counts": (
        _list(
            _object(
                {
                    "epsilon": (NUMBER, "ε"),
                    "count": (_or_null(WHOLE), "eigenvalues of K that are at least ε λ_1; null where that is open"),
                    "bound": (NUMBER, "eff(K)/ε"),
                }
            )
        ),
        "one for each --epsilon",
    ),
}

THEOREM = _object(
    {
        "name": (TEXT, "theorem or corollary of section C.2"),
        "applies": (FLAG, "whether its assumptions hold"),
        "lower": (_or_null(NUMBER), "its lower bound"),
        "upper": (_or_null(NUMBER), "its upper bound"),
        "holds_fraction": (_or_null(DOUBLE), "share of the networks that respect it"),
    },
    {
        "about": (TEXT, "the effective rank that it bounds"),
        "measured": (_or_null(NUMBER), "mean of that over the networks"),
        "trials": (WHOLE, "networks that it was held against"),
        "note": (TEXT, "why it does not apply, or what was put in"),
    },
)

NETWORK_RANKS: Fields = {
    "finite_width": (
        _object(
            {
                "width": (WHOLE, "neurons of the hidden layer"),
                "trials": (WHOLE, "networks"),
                "seed": (WHOLE, "what the random numbers started from"),
                "inner": (INTERVAL, "eff of the inner weights' part of the kernel matrix"),
                "outer": (INTERVAL, "eff of the outer weights' part"),
                "full": (INTERVAL, "eff of the whole"),
                "theorems": (_list(THEOREM), "what is proven of them"),
            },
            {
                "outer_weights": (_one_of("gaussian", "sign"), "law of the outer weights"),
                "accuracy": (DOUBLE, "relative error of the measured values"),
            },
        ),
        "networks of one hidden layer (section C.2), with --width",
    )
}

SPHERE: Fields = {
    "sphere_dim": (WHOLE, "d of S^d"),
    "measure": (_one_of("uniform", "surface"), "mass 1, or the area of the sphere"),
    "truncation": (WHOLE, "T of the bounds"),
    "eigenvalues": (
        _list(
            _object(
                {
                    "k": (WHOLE, "frequency"),
                    "eigenvalue": (_or_null(NUMBER), "λ_k; null for a series of unknown remainder"),
                    "lower": (NUMBER, "bound of Theorem 4.6, rounded down"),
                    "upper": (_or_null(NUMBER), "bound of Theorem 4.6, rounded up"),
                    "multiplicity": (BIG, "N(d, k)"),
                    "trace_share": (_or_null(NUMBER), "N(d, k) λ_k over the trace"),
                    "cumulative": (_or_null(NUMBER), "share of all frequencies up to k"),
                }
            )
        ),
        "k = 0 … K",
    ),
    "trace": (_or_null(NUMBER), "Σ_k N(d, k) λ_k"),
}

SAMPLE: Fields = {
    "sample": (
        _object(
            {
                "n": (WHOLE, "random points"),
                "seed": (WHOLE, "what they started from"),
                "eigenvalues": (
                    _list(
                        _object(
                            {
                                "index": (WHOLE, "ℓ from 1"),
                                "eigenvalue": (_or_null(NUMBER), "of K/n; null below double precision"),
                                "theory": (_or_null(NUMBER), "the ℓ-th λ_k, counted with multiplicities"),
                            }
                        )
                    ),
                    "largest first",
                ),
            }
        ),
        "the kernel matrix of random points, with --sample",
    ),
    "accuracy": (DOUBLE, "error of the measured eigenvalues over the largest"),
}

SPECTRUM: Fields = {
    "data": (DATA, "the points"),
    "eigenvalues": (
        _list(
            _object(
                {
                    "index": (WHOLE, "p from 1"),
                    "eigenvalue": (_or_null(NUMBER), "λ_p of K = Θ(XXᵀ)/n; null below double precision"),
                    "normalized": (_or_null(NUMBER), "λ_p/λ_1"),
                    "gram_normalized": (_or_null(NUMBER), "the same of XXᵀ"),
                    "bound_effrank": (NUMBER, "eff(K)/p ≥ λ_p/λ_1"),
                    "bound_tail": (_or_null(NUMBER), "the bound of Lemma C.20 on λ_p/λ_1; null for finite networks"),
                    "resolved": (FLAG, "whether double precision can see it"),
                },
                {
                    "normalized_low": (_or_null(NUMBER), "lower end of the 95 % interval, with --width"),
                    "normalized_high": (_or_null(NUMBER), "upper end of the 95 % interval, with --width"),
                    "infinite_normalized": (_or_null(NUMBER), "λ_p/λ_1 of the infinite network, with --width"),
                },
            )
        ),
        "largest first",
    ),
    "kernel_effrank": (NUMBER, "eff(K)"),
    "gram_effrank": (NUMBER, "eff(XXᵀ)"),
    "accuracy": (DOUBLE, "error of the eigenvalues over the largest"),
}

NETWORK_SPECTRUM: Fields = SPECTRUM | {
    "network": (
        _object(
            {
                "arch": (_one_of("mlp", "cnn"), "fully connected, or convolutions"),
                "width": (WHOLE, "neurons or channels in each hidden layer"),
                "parametrization": (_one_of("ntk", "standard"), "of the weights"),
                "padding": (_or_null(TEXT), "of convolutions"),
                "image_shape": (_or_null(_list(WHOLE)), "channels, height, width"),
                "seed": (WHOLE, "what the random numbers started from"),
            }
        ),
        "the networks, with --width",
    ),
    "trials": (WHOLE, "networks that the means are of"),
    "kernel_effrank_low": (_or_null(NUMBER), "lower end of the 95 % interval of eff(K)"),
    "kernel_effrank_high": (_or_null(NUMBER), "upper end of it"),
    "distance": (_or_null(NUMBER), "mean distance from the infinite network's kernel matrix, relative"),
}

MODEL = _one_of("power", "stretched-exponential", "exponential", "entire", "finite", "undecided")
PARITY = _one_of("even", "odd")
LAW = ("exponent", "rate", "ratio", "constant")
_MEANING = {
    "exponent": "e in p^e",
    "rate": "a in exp(−a √p)",
    "ratio": "r in r^(−p)",
    "constant": "C before it",
}

PARAMETER = _object(
    {
        "value": (DOUBLE, "the number"),
        "stderr": (DOUBLE, "standard error, from the residuals"),
        "systematic": (DOUBLE, "what the choice of the window changes"),
    }
)
PARAMETERS = _object({}, {name: (PARAMETER, _MEANING[name]) for name in LAW})

STATEMENT = _object(
    {
        "model": (MODEL, "kind of law"),
        "law": (TEXT, "the law in letters"),
        "status": (_one_of("proven in the paper", "derived here", "measured"), "how it is known"),
        "source": (TEXT, "lemma, corollary or theorem, or what it is derived from"),
    },
    {name: (DOUBLE, _MEANING[name]) for name in LAW} | {"parity": (PARITY, "where it is about such degrees only")},
)

CLASS = _object(
    {
        "parity": (PARITY, "degrees"),
        "model": (MODEL, "their law"),
        "parameters": (PARAMETERS, "of their law"),
        "spread": (DOUBLE, "root mean square of the residuals of log c_p"),
    },
    {
        "candidates": (
            _list(
                _object(
                    {
                        "model": (MODEL, "what was tried"),
                        "spread": (DOUBLE, "residuals of log c_p"),
                        "criterion": (DOUBLE, "information criterion, the lower the better"),
                        "candidate": (FLAG, "whether its leading term is there"),
                    }
                )
            ),
            "every model, with --all",
        )
    },
)

DECAY: Fields = {
    "model": (MODEL, "law of the class that falls more slowly"),
    "oscillating": (FLAG, "whether the coefficients swing, and the law is that of their crests"),
    "parameters": (PARAMETERS, "of that law"),
    "classes": (_list(CLASS), "even and odd degrees apart"),
    "parity": (_one_of("even", "odd", "both", "finite"), "which degrees have coefficients"),
    "window": (_list(WHOLE), "first and last degree that were fitted"),
    "degree": (_or_null(WHOLE), "the last degree with a coefficient, where they are finitely many"),
    "theory": (
        _object(
            {
                "coefficients": (_list(STATEMENT), "of κ_p"),
                "sphere_eigenvalues": (_list(STATEMENT), "of λ_k, with --sphere-dim"),
                "data_eigenvalues": (_list(STATEMENT), "of kernel matrices of data, with --rank"),
            }
        ),
        "what is known",
    ),
}

_FORMS: dict[str, dict[str, tuple[Fields, Fields]]] = {
    "coeffs": {"coefficients": (COEFFICIENTS, {})},
    "evaluate": {"values at --rho": (VALUES, {}), "matrix of --data": (MATRIX, {})},
    "effrank": {"bounds": (BOUNDS, {}), "ranks of --data": (RANKS, NETWORK_RANKS)},
    "eigs": {
        "on the sphere": (SPHERE, SAMPLE),
        "of --data": (SPECTRUM, {}),
        "of networks of finite width, with --width": (NETWORK_SPECTRUM, {}),
    },
    "decay": {"laws": (DECAY, {})},
}
"""What each command may print: forms with their fields, and those that may be there."""

COMMANDS = tuple(_FORMS)


def schema(command: str) -> Json:
    """Return the JSON Schema of one line of a command's JSON Lines."""
    if command not in _FORMS:
        raise InputError(f"there is no schema of '{command}', but of {', '.join(COMMANDS)}")
    forms = [
        _object(_envelope(command) | fields, optional) | {"description": said}
        for said, (fields, optional) in _FORMS[command].items()
    ]
    head = {
        "$schema": DRAFT,
        "title": f"ntkcalc.{command}/1",
        "description": f"One line of ntkcalc {command} --json: one kernel, or one series",
    }
    found = (forms[0] if len(forms) == 1 else {"anyOf": forms}) | head
    return head | found | {"$defs": {"number": _NUMBER, "kernel": _KERNEL, "data": _DATA}}


def schema_text(command: str) -> str:
    """Return the schema as text."""
    return json.dumps(schema(command), indent=2, ensure_ascii=False) + "\n"


def _envelope(command: str) -> Fields:
    """Return what the JSON of every command starts with."""
    return {
        "schema": ({"const": f"ntkcalc.{command}/1"}, "name and number of this contract"),
        "version": (TEXT, "version of ntkcalc"),
        "digits": ({"type": "integer", "minimum": 1}, "most significant digits of a number"),
        "engine": (_one_of("numpy", "mpmath"), "float64, or as many digits as needed"),
        "kernel": (_or_null(KERNEL), "the kernel; null for a series of unknown origin"),
    }
