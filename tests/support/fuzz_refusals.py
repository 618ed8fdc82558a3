"""Per operation, the refusals that are business answers: what a request that is sound in form may be told."""

# Whatever the operation: what is asked for is not there or another's, it was seen in an older version, the same key or
# the same cursor was used for something else. An operation can say each of these only if its document names it.
ALWAYS = frozenset({"not_found", "version_mismatch", "idempotency_key_reused", "cursor_invalid"})

# What an operation's shape brings into its document (shared/openapi.py) and the gateway into all of them.
BY_SHAPE = ALWAYS | {
    "bad_framing", "bad_path", "bad_syntax", "forbidden", "headers_too_large", "idempotency_busy",
    "idempotency_key_missing", "if_match_required", "internal_error", "invalid_content", "password_change_required",
    "request_timeout", "too_large", "too_many_requests", "unauthenticated", "unavailable", "unsupported_media_type",
    "upstream_failed", "upstream_timeout", "uri_too_long",
}  # fmt: skip

# A question about another day than today's.
_PAST = frozenset({"as_of_future", "nothing_then"})

# A list as a file.
_REPORT = frozenset({"not_acceptable", "report_too_large", "report_not_made", "font_missing"})

# One thing on paper.
_PAPER = frozenset({"not_acceptable", "report_not_made", "font_missing"})

# The codes that only this operation's own rules bring. The document of the operation names the same (a test compares):
# a new one is a decision that is seen here.
OWN: dict[str, frozenset[str]] = {
    # identity
    "log_in": frozenset({"credentials_wrong", "log_in_locked"}),
    "issue_token": frozenset(
        {"invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unsupported_grant_type"}
    ),
    "change_password": frozenset({"log_in_locked"}),
    "create_account": frozenset({"username_taken"}),
    "change_account": frozenset({"own_account"}),
    "hand_over_account": frozenset({"own_account"}),
    "reset_password": frozenset({"own_account"}),
    "create_organisation": frozenset({"organisation_exists"}),
    "create_client": frozenset({"client_exists"}),
    # rdss-fee: refunds, receipts, violations
    "enter_refund_claim": frozenset({"refund_letter_taken"}),
    "add_refund_paper": frozenset({"refund_claim_state", "refund_papers_full"}),
    "submit_refund_claim": frozenset(
        {"refund_claim_state", "refund_papers_missing", "four_eyes", "refund_not_covered"}
    ),
    "withdraw_refund_claim": frozenset({"refund_claim_state"}),
    "receive_refund_claim": frozenset({"refund_claim_state"}),
    "approve_refund_claim": frozenset({"refund_claim_state"}),
    "return_refund_claim": frozenset({"refund_claim_state"}),
    "pay_refund_claim": frozenset({"refund_claim_state", "four_eyes", "refund_not_covered"}),
    "bounce_refund_claim": frozenset({"refund_claim_state", "four_eyes"}),
    "mail_receipt": frozenset({"receipt_closed"}),
    "void_receipt": frozenset({"receipt_closed"}),
    "annul_violation": frozenset({"violation_annulled"}),
    # roster
    "submit_roster": frozenset({"school_unknown", "term_unknown"}),
    "correct_roster": frozenset({"roster_withdrawn"}),
    "withdraw_roster": frozenset({"roster_opened", "roster_withdrawn"}),
    "list_rosters": _REPORT,
    "get_roster": _PAST,
    "list_entries": _PAST | _REPORT | {"as_of_or_version", "roster_version_unknown"},
    "search_results": _REPORT,
    "list_results": _REPORT,
    "list_result_entries": _REPORT,
    "get_template": frozenset({"not_acceptable", "report_not_made"}),
    "ask_report": frozenset({"report_not_yours", "roster_undecided"}),
    "get_report_file": frozenset({"report_not_ready", "report_expired"}),
    "get_entry": _PAST,
    "get_deferment": _PAST,
    "review_entries": frozenset({"entry_state"}),
    "review_entry": frozenset({"entry_state", "four_eyes", "draft_refused"}),
    "transfer_entry": frozenset({"entry_state"}),
    "take_up_correction": frozenset({"entry_state", "decision_built_upon", "draft_refused"}),
    "drop_correction": frozenset({"not_correcting"}),
    "submit_batch": frozenset({"not_ready"}),
    "preview_batch": frozenset({"batch_closed"}),
    "recall_batch": frozenset({"batch_closed"}),
    "return_batch": frozenset({"batch_closed"}),
    "decide_batch": frozenset({"batch_closed", "four_eyes", "not_ready"}),
    "file_case": frozenset({"certificate_missing"}),
    "hand_in_certificate": frozenset({"certificate_missing"}),
    "withdraw_case": frozenset({"case_opened"}),
    "withdraw_notice": frozenset({"case_opened"}),
    "withdraw_trained": frozenset({"case_opened"}),
    "confirm_annotation": frozenset({"nothing_to_annotate", "annotated_already"}),
    "record_refusal_service": frozenset({"review_requested", "not_your_hand"}),
    "request_refusal_review": frozenset({"review_requested", "refusal_not_served"}),
    "answer_refusal_review": frozenset({"review_answered", "four_eyes"}),
    "replay_registry_event": frozenset({"registry_event_not_dead"}),
    # notify
    "replay_message": frozenset({"conflict"}),
    # rdss-fee: runs
    "ask_billing_run": frozenset({"run_open", "run_too_early", "run_too_late", "scheme_missing"}),
    "check_billing_run": frozenset({"run_closed"}),
    "issue_billing_run": frozenset(
        {"four_eyes", "run_closed", "run_unchecked", "run_too_early", "run_too_late", "month_issued", "scheme_missing"}
    ),
    "drop_billing_run": frozenset({"run_closed"}),
    "verify_billing_run": frozenset({"run_closed"}),
    "get_notice": _PAPER,
    "list_notice_lines": _REPORT,
    "list_credit_statement_lines": _REPORT,
    "get_receipt": _PAPER,
    "get_refund_form": _PAPER - {"not_acceptable"},
    # rdss-fee: money in suspense
    "propose_assignment": frozenset({"suspense_nothing_open", "assignment_proposed"}),
    "confirm_assignment": frozenset({"suspense_nothing_open", "assignment_decided", "four_eyes"}),
    "refuse_assignment": frozenset({"assignment_decided", "four_eyes"}),
    # rdss-fee: reports
    "report_month_summary": _REPORT,
    "report_ageing": _REPORT,
    "report_suspense": _REPORT,
    "report_refunds": _REPORT,
    # rdss-fee: employers, schemes, rates, service periods
    "add_employer": frozenset({"employer_exists"}),
    "add_collection_scheme": frozenset({"scheme_exists", "months_billed", "employers_too_wide"}),
    "add_rate": frozenset({"rate_known"}),
    "correct_period": frozenset({"period_withdrawn"}),
    "withdraw_period": frozenset({"period_withdrawn"}),
    "report_period": frozenset({"period_withdrawn", "report_waits", "report_changes_nothing"}),
    "confirm_service_event": frozenset({"period_withdrawn", "report_answered", "report_outdated", "four_eyes"}),
    "refuse_service_event": frozenset({"report_answered", "four_eyes"}),
}

_ROLES = frozenset(
    {
        "role_for_machines", "role_for_people", "role_not_of_organisation", "role_repeated", "auditor_alone",
        "organisation_unknown",
    }
)  # fmt: skip

# What is wrong with a man at a counter is what would be wrong with him in a file.
_MAN = frozenset(
    {
        "national_id_format", "national_id_checksum", "resident_number", "not_male", "formula", "control_character",
        "required", "name_character_lost", "birth_in_future", "past_conscription_age", "township_unknown",
        "graduation_before_enrolment", "enrolment_before_birth", "extension_before_enrolment", "left_before_enrolment",
        "left_before_birth", "left_in_future",
    }
)  # fmt: skip
# Rules that a schema cannot tell, since they look at two members at once or at what is stored: the codes of the faults
# under `invalid_content`. Any other that a request as the document asks for is told of is a fault of the document.
_SERVED = frozenset(
    {"period_without_days", "period_end_unstated", "period_overlaps", "stage_without_days", "rate_missing"}
)
_PERIOD = frozenset({"period_empty", "period_too_long", "by_county", "by_township"})
UNTOLD: dict[str, frozenset[str]] = {
    "create_account": _ROLES,
    "change_account": _ROLES,
    "create_client": _ROLES,
    "change_client": _ROLES,
    "change_password": frozenset(
        {
            "password_too_short",
            "password_too_long",
            "password_too_plain",
            "password_wrong",
            "password_holds_username",
            "password_unchanged",
        }
    ),
    "get_statistics": _PERIOD,
    "review_rosters": frozenset({"value_error", "too_many_entries"}),
    "transfer_entry": frozenset({"county_unknown", "township_unknown"}),
    "file_case": _MAN | {"certificate_in_future", "plan_ends_before_it_begins"},
    "hand_in_certificate": _MAN
    | {"certificate_in_future", "plan_ends_before_it_begins", "order_in_future", "school_unknown"},
    "list_trained": _MAN | {"days_in_camp_too_few", "days_not_asked", "national_id_repeated", "not_your_household"},
    "search_results": frozenset({"national_id_invalid"}),
    "reassess_entries": frozenset({"law_unknown"}),
    "record_refusal_service": frozenset({"day_impossible"}),
    "request_refusal_review": frozenset({"day_impossible"}),
    "answer_refusal_review": frozenset({"request_late"}),
    "ask_report": _PERIOD | {"required"},
    "add_unrecognised_programme": frozenset({"empty_period"}),
    "set_term": frozenset({"deadline_outside_year"}),
    "set_county_settings": frozenset(
        {"format_blank", "format_unknown_field", "format_without_serial", "format_too_long"}
    ),
    "mark_all_read": frozenset({"inbox_item_unknown"}),
    "ask_billing_run": frozenset({"as_of_regular", "as_of_future"}),
    "add_refund_paper": frozenset({"string_pattern_mismatch"}),
    "enter_refund_claim": frozenset({"day_impossible"}),
    "submit_refund_claim": frozenset({"posted_on_missing", "day_impossible"}),
    "issue_receipts": frozenset({"receipt_not_due"}),
    "mail_receipt": frozenset({"day_impossible"}),
    "add_employer": frozenset({"business_number_invalid", "number_too_wide"}),
    "add_collection_scheme": frozenset({"not_first_of_month", "scheme_parts"}),
    "add_rate": frozenset({"not_first_of_month"}),
    "announce_periods": _SERVED
    | {
        "national_id_invalid",
        "not_male",
        "employer_unknown",
        "employer_number_too_wide",
        "facts_differ",
        "rows_differ",
        "json_syntax",
    },
    "correct_period": _SERVED,
    "report_period": _SERVED | {"value_error"},
    "confirm_service_event": _SERVED,
    "correct_serviceman": _SERVED,
    "get_serviceman": frozenset({"as_of_future"}),
    # A month of a year that the ROC calendar does not have.
    "list_periods": frozenset({"value_error"}),
}
# These end sessions, it may be the caller's own: the world is put back after each success, or the rest would be 401.
ENDS_SESSIONS = frozenset({"change_password", "end_session"})
# What a file says cell by cell has rules of its own (tests/roster/intake_corpus); whatever they find may be told.
FILES = frozenset(
    {
        "submit_roster",
        "correct_roster",
        "report_cessations",
        "import_schools",
        "import_calendar",
        "import_fee_calendar",
        "take_bank_file",
    }
)
