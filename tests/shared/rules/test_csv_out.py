"""RO-61: cells that no spreadsheet program runs and that can be read back; the form that `Accept` asks for."""

import csv
import io
from datetime import UTC, date, datetime
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.csv_out import Sheet, as_text, cell, plain
from shared.exports import chosen
from shared.papers.forms import Form

pytestmark = pytest.mark.rule("RO-61")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+886-2-3366-3366", "'+886-2-3366-3366"),
        ("-無-", "'-無-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1+1", "'\t=1+1"),
        ("\r=1+1", "'\r=1+1"),
        ("\n=1+1", "'\n=1+1"),
        ("＝1＋1", "'＝1＋1"),
        ("  =1+1", "'  =1+1"),
        ("\u3000@x", "'\u3000@x"),
        ("'=1+1", "''=1+1"),
        ("'引號", "'引號"),
        ("王小明", "王小明"),
        ("a=b", "a=b"),
        ("", ""),
        ("'", "'"),
    ],
)
def test_a_cell_that_would_run_is_made_text(text, written):
    """SOURCE: OWASP, CSV Injection; OWASP ASVS 5 1.2.10."""
    assert as_text(text) == written
    assert plain(written) == text


@given(st.text(st.sampled_from("=+-@\t\r\n＝ '\u3000a王"), max_size=6))
def test_every_text_can_be_read_back(text):
    assert plain(as_text(text)) == text
    assert as_text(text).lstrip(" \u00a0\u3000")[:1] not in set("=+-@\t\r\n＝＋－＠")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=4))
def test_a_row_is_read_back_as_it_was_written(texts):
    sheet = Sheet[list[str]](tuple((str(n), itemgetter(n)) for n in range(len(texts))))
    (row,) = csv.reader(io.StringIO(sheet.rows([texts]).decode(), newline=""))
    assert [plain(one) for one in row] == texts


def test_values_of_other_kinds():
    assert [cell(v) for v in (None, True, False, 0, -3, date(2026, 10, 1))] == ["", "是", "否", "0", "-3", "2026-10-01"]
    assert cell(datetime(2026, 9, 30, 17, 0, tzinfo=UTC)) == "2026-10-01 01:00:00"
    assert Sheet[str]((("甲", str), ("乙,丙", str))).headings().decode() == '甲,"乙,丙"\r\n'


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.JSON),
        ("*/*", Form.JSON),
        ("application/json", Form.JSON),
        ("application/*", Form.JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Form.JSON),
        ("text/csv", Form.CSV),
        ("TEXT/CSV; q=1.0", Form.CSV),
        ("text/*", Form.CSV),
        ("text/csv, application/json;q=0.5", Form.CSV),
        ("text/csv;q=0.5, application/json", Form.JSON),
        ("text/csv;charset=utf-8", Form.CSV),
        ("text/csv, application/json", Form.JSON),
        ("application/x-ndjson", Form.NDJSON),
        ("application/x-ndjson, text/csv", Form.NDJSON),
        ("text/csv;q=0, */*", Form.JSON),
        ("application/json;q=0, text/*;q=0.1", Form.CSV),
        ("application/json;q=0, application/*", Form.NDJSON),
        ("text/csv;q=0", None),
        ("application/pdf", Form.PDF),
        ("image/png", None),
        ("text/html", None),
        ("nonsense", None),
        ("text/csv;q=nonsense", None),
        ("text/csv;q=１", None),
        ("text/csv;q=2", None),
        ("text/csv;q=1.5", None),
        ("text/csv;q=0.0001", None),
        ("text/csv;q=0.001", Form.CSV),
        ("text/csv;q=1., application/json;q=0.9", Form.CSV),
        ("text/csv;q=0.25, application/json;q=0.3", Form.JSON),
    ],
)
def test_the_form_that_is_asked_for(accept, form):
    """RFC 9110 12.5.1: the closest range decides, then the weight."""
    assert chosen(accept) is form
