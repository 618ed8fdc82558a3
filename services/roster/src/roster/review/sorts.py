"""The columns that the lists of the review can be ordered by: all that they show (RO-60)."""

from typing import Final

from roster.review.states import EntryState

ROSTER_SORTS: Final = (
    "received_on",
    "school_code",
    "school_name",
    "county_code",
    "kind",
    "academic_year",
    "term",
    "headcount",
    "days_waiting",
    "deadline",
    "days_late",
    "opened_at",
    "urgent",
    "case_kind",
    "filer_type",
    "filer_code",
    "filer_name",
    "state",
    "version",
    # Entries by state, as in `counts`.
    *EntryState,
)
COUNTY_ROSTER_SORTS: Final = ("proposed_number", "revision")
BATCH_SORTS: Final = (
    "submitted_at",
    "submitted_by",
    "school_code",
    "school_name",
    "kind",
    "case_kind",
    "academic_year",
    "term",
    "headcount",
    "state",
    "proposed_number",
    "closed_at",
    "closed_by",
)
ENTRY_SORTS: Final = (
    "row_no",
    "national_id",
    "name",
    "birth_date",
    "township_code",
    "village",
    "division",
    "level",
    "nominal_years",
    "department",
    "class_year",
    "student_no",
    "enrolled_on",
    "expected_graduation_on",
    "extended_until",
    "extension_reason",
    "cessation_reason",
    "left_on",
    "overseas_compatriot",
    "experimental_education",
    "status_recognised",
    "prior_graduated_level",
    "prior_graduated_on",
    "moi_approval_no",
    "remarks",
    "state",
    "filed_on",
    "from_version",
)
# What the county alone is shown of an entry, and so what it alone can order by.
COUNTY_ENTRY_SORTS: Final = ("certified_school", "certificate_on", "enrolment_recognised", "last_day", "version")
