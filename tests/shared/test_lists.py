"""A list that is too long for a report made at once is refused, with what its own service offers instead."""

import pytest

from shared.lists import NARROW, REPORT_TOO_LARGE, refuse_more
from shared.problems import ProblemError

BY_LETTER = ("請另行函請提供。", "ask for it by letter.")


@pytest.mark.parametrize("instead", [NARROW, BY_LETTER])
def test_it_is_said_what_to_do_instead(instead):
    refuse_more(10_000, 10_000, instead)
    with pytest.raises(ProblemError) as told:
        refuse_more(10_001, 10_000, instead)
    assert told.value.type is REPORT_TOO_LARGE
    assert told.value.detail == f"直接產出之報表以 10,000 筆為限，{instead[0]}"
    assert told.value.detail_en == f"A report made at once holds at most 10,000 rows; {instead[1]}"
