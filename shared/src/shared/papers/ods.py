"""ODS, written as a stream: a table of texts, numbers and days (OpenDocument 1.3). For child processes.

Of the libraries on PyPI none writes 10,000 rows in bounded memory (docs/adr/0057), so the two small XML parts that a
table needs are written here.
"""

import io
import re
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from itertools import chain, islice
from typing import IO
from xml.sax.saxutils import escape, quoteattr

from shared.law import rule
from shared.papers.document import Cell, Document, Marked, Packed
from shared.papers.widths import of_columns

_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_NAMES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("table", "table"), ("text", "text"), ("style", "style"), ("number", "datastyle"),
        ("fo", "xsl-fo-compatible"), ("config", "config"), ("meta", "meta"),
    )
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_MANIFEST = (
    f'{_HEAD}<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"'
    f' manifest:version="1.3"><manifest:file-entry manifest:full-path="/" manifest:version="1.3"'
    f' manifest:media-type="{_TYPE}"/>'
    + "".join(
        f'<manifest:file-entry manifest:full-path="{part}.xml" manifest:media-type="text/xml"/>'
        for part in ("content", "meta", "settings")
    )
    + "</manifest:manifest>"
)
_STYLES = (
    '<number:date-style style:name="D"><number:year number:style="long"/><number:text>-</number:text>'
    '<number:month number:style="long"/><number:text>-</number:text><number:day number:style="long"/>'
    '</number:date-style><number:text-style style:name="T"><number:text-content/></number:text-style>'
    '<style:style style:name="day" style:family="table-cell" style:data-style-name="D"/>'
    '<style:style style:name="text" style:family="table-cell" style:data-style-name="T"/>'
    '<style:style style:name="marked" style:family="table-cell" style:data-style-name="T"><style:table-cell-properties'
    ' fo:background-color="#ffc7ce"/><style:text-properties fo:color="#9c0006"/></style:style>'
    '<style:style style:name="heading" style:family="table-cell"><style:table-cell-properties'
    ' fo:background-color="#e8eef4" fo:wrap-option="wrap"/><style:text-properties fo:font-weight="bold"'
    ' style:font-weight-asian="bold"/></style:style>'
)
# Millimetres that a character takes.
_CHARACTER = 2
_LOOKED_AT = 500


@rule("RO-61", "RO-64")
def write(packed: Packed) -> bytes:
    """The spreadsheet: headings in the first row, which stays in sight; a row for each row; nothing but values."""
    document = packed.document
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        # The type stands first and uncompressed, so that programs know the file by its first bytes.
        archive.writestr(_part("mimetype", document, zipfile.ZIP_STORED), _TYPE)
        archive.writestr(_part("META-INF/manifest.xml", document), _MANIFEST)
        archive.writestr(_part("meta.xml", document), _meta(document))
        archive.writestr(_part("settings.xml", document), _settings(document))
        with archive.open(_part("content.xml", document), "w") as content:
            _content(content, packed)
    return out.getvalue()


def _part(name: str, document: Document, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    part = zipfile.ZipInfo(name, time.gmtime(document.made_at)[:6])
    part.compress_type = method
    return part


def _meta(document: Document) -> str:
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(document.made_at))
    return (
        f'{_HEAD}<office:document-meta {_NAMES} office:version="1.3"><office:meta><dc:title>{escape(document.title)}'
        f"</dc:title><meta:creation-date>{made}</meta:creation-date></office:meta></office:document-meta>"
    )


def _settings(document: Document) -> str:
    """The first row stays where it is while the others are scrolled."""
    frozen = {"VerticalSplitMode": 2, "VerticalSplitPosition": 1, "PositionBottom": 1, "ActiveSplitRange": 2}
    items = "".join(
        f'<config:config-item config:name="{name}" config:type="{"short" if "Mode" in name or "Active" in name else "int"}">'  # noqa: E501
        f"{value}</config:config-item>"
        for name, value in frozen.items()
    )
    return (
        f'{_HEAD}<office:document-settings {_NAMES} office:version="1.3"><office:settings><config:config-item-set'
        ' config:name="ooo:view-settings"><config:config-item-map-indexed config:name="Views">'
        '<config:config-item-map-entry><config:config-item config:name="ViewId" config:type="string">view1'
        '</config:config-item><config:config-item-map-named config:name="Tables"><config:config-item-map-entry'
        f" config:name={quoteattr(document.name)}>{items}</config:config-item-map-entry></config:config-item-map-named>"
        f'<config:config-item config:name="ActiveTable" config:type="string">{escape(document.name)}'
        "</config:config-item></config:config-item-map-entry></config:config-item-map-indexed></config:config-item-set>"
        "</office:settings></office:document-settings>"
    )


def _content(out: IO[bytes], packed: Packed) -> None:
    document = packed.document
    rows = packed.rows()
    first = list(islice(rows, _LOOKED_AT))
    widths = of_columns(document.columns, first)
    styles = "".join(
        f'<style:style style:name="c{index}" style:family="table-column"><style:table-column-properties'
        f' style:column-width="{width * _CHARACTER}mm"/></style:style>'
        for index, width in enumerate(widths)
    )
    out.write(
        f'{_HEAD}<office:document-content {_NAMES} office:version="1.3"><office:automatic-styles>{styles}{_STYLES}'
        f"</office:automatic-styles><office:body><office:spreadsheet>{_lists(document)}<table:table"
        f" table:name={quoteattr(document.name)}>".encode()
    )
    for index in range(len(widths)):
        filled = ' table:default-cell-style-name="text"' if document.blank_rows else ""
        out.write(f'<table:table-column table:style-name="c{index}"{filled}/>'.encode())
    headings = "".join(_text(column.heading, "heading") for column in document.columns)
    out.write(f"<table:table-row>{headings}</table:table-row>".encode())
    for number, row in enumerate(chain(first, rows), 1):
        out.write(f"<table:table-row>{''.join(_cells(row, document, number))}</table:table-row>".encode())
    if document.blank_rows:
        blank = "".join(_cells([None] * len(widths), document, 1))
        out.write(
            f'<table:table-row table:number-rows-repeated="{document.blank_rows}">{blank}</table:table-row>'.encode()
        )
    out.write(b"</table:table>")
    if document.notes:
        out.write(
            ('<table:table table:name="填表說明"><table:table-column/>' + "".join(
                f"<table:table-row>{_text(line)}</table:table-row>" for line in document.notes
            ) + "</table:table>").encode()
        )  # fmt: skip
    out.write(b"</office:spreadsheet></office:body></office:document-content>")


def _lists(document: Document) -> str:
    """The words of coded columns (content validations), which cells refer to."""
    if not document.blank_rows:
        return ""
    lists = "".join(
        f'<table:content-validation table:name="v{index}" table:condition='
        + quoteattr("of:cell-content-is-in-list(" + ";".join(f'"{word}"' for word in column.choices) + ")")
        + ' table:allow-empty-cell="true" table:display-list="unsorted" table:base-cell-address='
        + quoteattr(f"$'{document.name}'.A2")
        + '><table:error-message table:message-type="stop" table:display="true"/></table:content-validation>'
        for index, column in enumerate(document.columns)
        if column.choices
    )
    return f"<table:content-validations>{lists}</table:content-validations>" if lists else ""


def _cells(row: list[Cell], document: Document, number: int) -> Iterator[str]:
    for index, value in enumerate(row):
        offered = ""
        if document.blank_rows and document.columns[index].choices:
            offered = f' table:content-validation-name="v{index}"'
        if value is None:
            style = ' table:style-name="text"' if document.blank_rows else ""
            yield f"<table:table-cell{style}{offered}/>"
        elif isinstance(value, str):
            style = "marked" if type(value) is Marked else "text" if document.blank_rows else ""
            yield _text(value, style, offered)
        elif isinstance(value, date):
            day = value.isoformat()
            yield (
                f'<table:table-cell table:style-name="day" office:value-type="date" office:date-value="{day}">'
                f"<text:p>{day}</text:p></table:table-cell>"
            )
        else:
            yield (
                f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{value}</text:p>'
                "</table:table-cell>"
            )


def _text(value: str, style: str = "", more: str = "") -> str:
    named = f' table:style-name="{style}"' if style else ""
    lines = "".join(f"<text:p>{_spaced(line)}</text:p>" for line in _lines(value))
    return f'<table:table-cell{named}{more} office:value-type="string">{lines}</table:table-cell>'


def _lines(value: str) -> list[str]:
    return value.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _spaced(line: str) -> str:
    """A line as it was: readers of this format take a run of blanks for one, those at the ends for none."""
    if not _SPECIAL.search(line):
        return escape(line)
    return _SPECIAL.sub(_written, escape(line))


# SOURCE: OpenDocument 1.3, 6.1.2 (white space); XML 1.0, 2.2 (what a document may hold).
_SPECIAL = re.compile("^ +| {2,}| +$|[\x00-\x1f\ufffe\uffff\ud800-\udfff]")


def _written(found: re.Match[str]) -> str:
    special = found[0]
    if special[0] == " ":
        return f'<text:s text:c="{len(special)}"/>'
    return "<text:tab/>" if special == "\t" else "\ufffd"
