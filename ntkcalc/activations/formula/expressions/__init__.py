"""Formulas as trees: read from text, simplified, differentiated, and evaluated on balls, series and arrays.

`grammar` reads the text and `functions` lists the words; `plain_form` writes a `trees.Tree` in few functions;
`programs` evaluates trees on any kind of number, `balls` being the proven one and `array_field` the fast one.
"""
