"""Spreadsheets (XLSX, ODS) on their way in.

`package` says what a file is and refuses what is never unpacked (`zip_check`). `child` runs in a process of its own,
where `xlsx` or `ods` make a `book` of it, part by part (`parts`). `table` gives the book's rows to the checker, every
cell read as what it means in its column.
"""
