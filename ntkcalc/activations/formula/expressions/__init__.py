"""Formulas as trees: read from text, simplified, differentiated, and evaluated on balls, series and arrays.

`grammar` reads the text and `functions` lists the words; `plain_form` writes a `trees.Tree` in few functions;
`programs` evaluates trees on any kind of number, on balls (`ball_functions`) for proofs, on arrays (`array_field`) for
speed.
"""
