"""JSON Schema of what each command prints with ``--json``, from the types of the results through msgspec.

Names, types and descriptions are those of the fields of the dataclasses. Fields may be added later, so that unknown
ones are allowed; a breaking change raises the number in ``schema``.
"""

import inspect
import json
from dataclasses import Field, fields, is_dataclass
from decimal import Decimal
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from ntkcalc.decay.results import Decay, Parameter, Statement
from ntkcalc.errors import InputError
from ntkcalc.kernel.results import MatrixSummary
from ntkcalc.networks.results import NetworkSpectrum
from ntkcalc.series.results import SERIES, Coefficient, Coefficients, KernelValues
from ntkcalc.spectrum.results import EffectiveRanks, MatrixSpectrum, RankBounds, SphereSpectrum

Json = dict[str, Any]

_FORMS: dict[str, dict[str, type]] = {
    "coeffs": {"coefficients": Coefficients},
    "evaluate": {"values at --rho": KernelValues, "matrix of --data": MatrixSummary},
    "effrank": {"bounds": RankBounds, "ranks of --data": EffectiveRanks},
    "eigs": {
        "on the sphere": SphereSpectrum,
        "of --data": MatrixSpectrum,
        "of networks of finite width, with --width": NetworkSpectrum,
    },
    "decay": {"laws": Decay},
}
"""What each command may print."""

COMMANDS = tuple(_FORMS)

_NUMBER: Json = {
    "description": "a number; a string of its digits where there are over 15 of them, or beyond 1e-300 … 1e300",
    "anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?$"}],
}


class _Number:
    """Stands for `_NUMBER`, a reference to which `_reference` returns."""


_WHOLE = Annotated[int, msgspec.Meta(ge=0)]
_BIG = _WHOLE | Annotated[str, msgspec.Meta(pattern="^[0-9]+$")]
_MAY_EXCEED_DOUBLES = ("multiplicity", "seed")
_SERIES_NAMES = (
    "κ_p of the NTK",
    "α_p of the NNGP kernel Σ_l",
    "β_p of R'(Σ_{l−1})",
    "µ_p, the Hermite coefficient of φ",
)


def schema(command: str) -> Json:
    """Return the JSON Schema of one line of a command's JSON Lines."""
    if command not in _FORMS:
        raise InputError(f"there is no schema of '{command}', but of {', '.join(COMMANDS)}")
    types = [_form(command, said, result) for said, result in _FORMS[command].items()]
    _, known = msgspec.json.schema_components(types, schema_hook=_reference, ref_template="#/$defs/{name}")
    if command == "coeffs":
        known["Coefficient"]["oneOf"] = [{"required": [name]} for name in SERIES]
    forms = [known.pop(form.__name__) for form in types]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"ntkcalc.{command}/1",
        "description": f"One line of ntkcalc {command} --json: one kernel, or one series",
    }
    found = forms[0] if len(forms) == 1 else {"anyOf": forms}
    return head | found | head | {"$defs": {"number": _NUMBER} | known}


def schema_text(command: str) -> str:
    """Return the schema as text."""
    return json.dumps(schema(command), indent=2, ensure_ascii=False) + "\n"


def _reference(_: type) -> Json:
    return {"$ref": "#/$defs/number"}


def _form(command: str, said: str, result: type) -> type:
    """Return the type of all that a command prints of a result."""
    kernel = _parts(result)["kernel"]
    envelope = {
        "schema": (Literal[f"ntkcalc.{command}/1"], "name and number of this contract"),
        "version": (str, "version of ntkcalc"),
        "digits": (Annotated[int, msgspec.Meta(ge=1)], "most significant digits of a number"),
        "engine": (Literal["numpy", "mpmath"], "float64, or as many digits as needed"),
        "kernel": kernel,
    }
    own = {name: part for name, part in _parts(result).items() if name not in envelope}
    return _struct(result.__name__, said, envelope | own)


def _struct(name: str, said: str, parts: dict[str, Any]) -> type:
    """Return a type of msgspec's with these fields: a type and a description each, and a third item if optional."""
    rows: list[Any] = []
    for field, (kind, about, *optional) in parts.items():
        described = Annotated[kind, msgspec.Meta(description=about)]  # type: ignore[valid-type]
        rows.append((field, described | msgspec.UnsetType, msgspec.UNSET) if optional else (field, described))
    return msgspec.defstruct(name, rows, namespace={"__doc__": said}, kw_only=True)


def _parts(result: type) -> dict[str, Any]:
    """Return type and description of each field by its name in JSON."""
    kinds = _annotations(result)
    found: dict[str, Any] = {}
    for f in fields(result):
        if "internal" in f.metadata:
            continue
        kind, about = kinds[f.name]
        if "flat" in f.metadata:
            found |= _flat(f, kind, about)
        elif (result, f.name) == (Coefficient, "value"):
            found |= {name: (_Number, said, True) for name, said in zip(SERIES, _SERIES_NAMES, strict=True)}
        elif f.default is None:
            found[f.name] = (_kind(f.name, get_args(kind)[0]), about, True)
        else:
            found[f.metadata.get("name", f.name)] = (_kind(f.name, kind), about)
    return found


def _annotations(result: type) -> dict[str, tuple[Any, str]]:
    """Return what the annotation of each field says: its type, annotated with words if it has such, and its meaning."""
    found = {}
    for name, hint in get_type_hints(result, include_extras=True).items():
        if get_origin(hint) is Annotated:
            kind, *words, about = get_args(hint)
            found[name] = (Annotated[kind, words[0]] if words else kind, about)
    return found


def _flat(f: Field[Any], kind: type, about: str) -> dict[str, Any]:
    inner, endings = _parts(kind), f.metadata["flat"]
    if endings is None:
        return inner
    what = {"": "", "_low": "lower end of the 95 % interval of ", "_high": "upper end of the 95 % interval of "}
    return {f.name + end: (inner[name][0], what[end] + about) for name, end in endings.items()}


@cache
def _type(result: type) -> type:
    return _struct(result.__name__, (inspect.getdoc(result) or "").partition("\n")[0], _parts(result))


@cache
def _law(words: tuple[str, ...]) -> type:
    about = _annotations(Statement)
    parts = {word: (_type(Parameter), about[word][1], True) for word in words}
    return _struct("Parameters", "Parameters of a law", parts)


def _kind(name: str, hint: Any) -> Any:
    """Return the type of msgspec's that stands for a field's type."""
    if get_origin(hint) is Annotated:
        inner, words = get_args(hint)
        if inner is str:
            return Literal[words]
        return _law(words)
    if get_origin(hint) is tuple:
        return tuple[tuple(_kind(name, inner) if inner is not ... else ... for inner in get_args(hint))]  # type: ignore[misc]
    if get_args(hint):
        return reduce(or_, (_kind(name, inner) for inner in get_args(hint)))
    if is_dataclass(hint):
        return _type(hint)  # type: ignore[arg-type]
    return {Decimal: _Number, int: _BIG if name in _MAY_EXCEED_DOUBLES else _WHOLE}.get(hint, hint)
