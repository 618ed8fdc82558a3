"""XLSX to a `Book` (ECMA-376 part 1, 18; both namespaces). Only what a cell shows is read; nothing is worked out."""

import posixpath
import zipfile

from roster.intake.sheets import formats
from roster.intake.sheets.book import (
    MAX_ELEMENTS,
    MAX_SHEETS,
    Book,
    BookError,
    Sheet,
)
from roster.intake.sheets.parts import Counter, cut, local, parse
from roster.intake.sheets.xlsx_sheet import SheetReader, unescape


def read_xlsx(archive: zipfile.ZipFile) -> Book:
    """The sheets of a workbook; those that are hidden by name only. Raises `BookError`."""
    names = {name.replace("\\", "/").casefold(): name for name in archive.namelist()}
    package = _Package(archive, names)
    main = package.related("", "officedocument")
    if not main:
        raise BookError("no_workbook")
    workbook = _Workbook(package, main[0])
    if len(workbook.sheets) > MAX_SHEETS:
        raise BookError("too_many_sheets")
    strings = _Strings(package, main[0])
    styles = _Styles(package, main[0])
    counter = Counter()
    sheets: list[Sheet] = []
    for name, part, hidden in workbook.sheets:
        if hidden:
            sheets.append(Sheet(name[:100], hidden=True))
        if hidden or part is None:
            continue
        reading = SheetReader(name[:100], counter, strings.found, styles.shown, workbook.since_1904)
        parse(archive, part, reading.start, reading.end, reading.text)
        sheets.append(reading.done())
    return Book(sheets)


class _Package:
    """Parts, and how they find each other."""

    def __init__(self, archive: zipfile.ZipFile, names: dict[str, str]) -> None:
        self.archive = archive
        self._names = names

    def member(self, path: str) -> str | None:
        """The member of a part, whatever the case its name is written in."""
        return self._names.get(path.strip("/").casefold())

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Of a part (""; of the package): id → last word of the type, path of the target."""
        folder, _, file = part.rpartition("/")
        rels = self.member(f"{folder}/_rels/{file}.rels")
        found: dict[str, tuple[str, str]] = {}

        def start(name: str, attributes: dict[str, str]) -> None:
            if local(name) == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "").replace("\\", "/")
                kind = attributes.get("Type", "").rpartition("/")[2].casefold()
                if len(found) < 10_000:
                    found[attributes.get("Id", "")] = (kind, posixpath.normpath(posixpath.join("/", folder, target)))

        if rels is not None:
            parse(self.archive, rels, start, _nothing)
        return found

    def related(self, part: str, kind: str) -> list[str]:
        """The members that a part names as its `kind`."""
        targets = (self.member(target) for known, target in self.relations(part).values() if known == kind)
        return [member for member in targets if member is not None]


def _nothing(_name: str) -> None:
    return


class _Workbook:
    """Sheets in order: name, member, whether hidden; and from when days are counted."""

    def __init__(self, package: _Package, part: str) -> None:
        self.sheets: list[tuple[str, str | None, bool]] = []
        self.since_1904 = False
        self._relations = package.relations(part)
        self._package = package
        parse(package.archive, part, self._start, _nothing)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = local(name)
        if kind == "workbookPr":
            self.since_1904 = attributes.get("date1904") in ("1", "true")
        elif kind == "sheet":
            identity = next((value for key, value in attributes.items() if local(key) == "id"), "")
            known, target = self._relations.get(identity, ("", ""))
            # A sheet of charts or dialogues holds no cells.
            part = self._package.member(target) if known == "worksheet" else None
            if known == "worksheet" and part is None:
                raise BookError("unsound")
            hidden = attributes.get("state", "visible") != "visible"
            self.sheets.append((unescape(attributes.get("name", "")), part, hidden))


class _Strings:
    """The texts that cells name by number."""

    def __init__(self, package: _Package, workbook: str) -> None:
        self.found: list[str] = []
        self._pieces: list[str] = []
        self._inside = self._sound = False
        self._elements = 0
        for part in package.related(workbook, "sharedstrings")[:1]:
            parse(package.archive, part, self._start, self._end, self._text)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        kind = local(name)
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise BookError("too_many_cells")
        if kind == "si":
            self._pieces = []
        elif kind == "t":
            self._inside = not self._sound
        elif kind == "rPh":
            self._sound = True

    def _end(self, name: str) -> None:
        kind = local(name)
        if kind == "si":
            self.found.append(cut(unescape("".join(self._pieces))))
        elif kind == "t":
            self._inside = False
        elif kind == "rPh":
            self._sound = False

    def _text(self, text: str) -> None:
        if self._inside:
            self._pieces.append(text)


class _Styles:
    """How cells of a style show numbers."""

    def __init__(self, package: _Package, workbook: str) -> None:
        self.shown: list[formats.Shown] = []
        self._codes: dict[str, formats.Shown] = {}
        self._inside = False
        for part in package.related(workbook, "styles")[:1]:
            parse(package.archive, part, self._start, self._end)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = local(name)
        if kind == "numFmt" and len(self._codes) < 10_000:
            self._codes[attributes.get("numFmtId", "")] = formats.shown(attributes.get("formatCode", ""))
        elif kind == "cellXfs":
            self._inside = True
        elif kind == "xf" and self._inside:
            used = attributes.get("numFmtId", "0")
            known = self._codes.get(used)
            if known is None:
                known = formats.built_in(int(used) if used.isascii() and used.isdigit() and len(used) < 6 else 0)
            self.shown.append(known)
            if len(self.shown) > 100_000:
                raise BookError("unsound")

    def _end(self, name: str) -> None:
        if local(name) == "cellXfs":
            self._inside = False
