"""The legal tests of an entry: pure functions that return every hint with its citation (RO-14, RO-18, RO-20 … RO-35).

`rules.judge` is the entrance; `model` has what goes in and comes out, `limits` the dated tables, `grounds` Art. 15,
`standing` the man's standing and the registry, `findings` the words, `explain` the long answer.
"""
