"""Results as text and pictures: Rich tables, JSON, CSV, plain values, plots. No mathematics here.

`formats` is what others call; `schema` describes the JSON; the other modules hold one kind of result each.
"""

__all__ = ["formats", "schema"]
