"""Refusals that several rooms of the fee service have."""

from shared.problems import ProblemType

TWO_PEOPLE = ProblemType(
    "two_people", 403, "須由另一人辦理：不得核可自己經辦的事項", "Somebody else has to: nobody confirms his own work"
)
