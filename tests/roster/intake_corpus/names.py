"""Strategies: students with names of any characters that intake takes (design rule 11)."""

from datetime import date

from hypothesis import strategies as st

from shared.roc import roc
from tests.roster.intake_corpus.files import Student, student

_HANZI = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
# Whatever a name may hold: planes 0, 2, 3 and 15, private use, combining marks, joiners, what XLSX would escape.
_ANY = st.one_of(
    st.characters(min_codepoint=0x20000, max_codepoint=0x2FA1D),
    st.characters(min_codepoint=0x30000, max_codepoint=0x323AF),
    st.characters(min_codepoint=0xF0000, max_codepoint=0xFFFFD),
    st.characters(min_codepoint=0xE000, max_codepoint=0xF8FF),
    st.characters(min_codepoint=0x21, max_codepoint=0xFFFD, exclude_categories=["Cc", "Cs", "Zl", "Zp"]).filter(
        lambda char: char not in "?？\ufffd" and not "\u202a" <= char <= "\u202e" and not "\u2066" <= char <= "\u2069"
    ),
    st.sampled_from(
        [
            "e\u0301",
            "\u200d",
            "\ufe00",
            "\U000e0100",
            "_x4E00_",
            "_x0000_",
            "  ",
            " ",
            "\u3000",
            "&",
            "<",
            '"',
            "'",
            ",",
        ]
    ),
)
NAMES = st.builds(lambda first, rest: first + "".join(rest), _HANZI, st.lists(_ANY, max_size=8))
# What CP950 writes as Microsoft has it; the gaps and the user's own have no encoder.
BIG5_NAMES = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5, codec="cp950"), min_size=1, max_size=8)
_NUMBERS = st.text("0123456789ABZ", min_size=1, max_size=12)


@st.composite
def students(draw: st.DrawFn, names: st.SearchStrategy[str]) -> list[Student]:
    """A few students whom nothing is wrong with, by any name, number and remarks."""
    made = []
    for number in range(draw(st.integers(1, 4))):
        born = draw(st.dates(date(2000, 1, 1), date(2007, 12, 31)))
        made.append(
            student(
                number,
                name=draw(names),
                birth_date=roc(born) if draw(st.booleans()) else born.isoformat(),
                student_no=draw(_NUMBERS),
                remarks=draw(names),
            )
        )
    return made
