"""A school's roster on its way in. Pure but for what others add beside it: no web, no ORM, no clock.

`reading.read_submission` is the way in: `charset` → `csv_reader` or `json_reader` → `checker`, which matches headings
against the one table in `columns`, reads cells with `cells` and `labels`, and rows with `rows`. `rules` holds the
words of the domain, `faults` every way to say no.
"""
