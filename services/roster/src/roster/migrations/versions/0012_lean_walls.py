"""Walls that cost less to begin with (ID-03); what each lets through stays what it was.

PostgreSQL sets up every branch of every wall whenever a statement begins, asked or not, and what a wall looks up in
another table brings that table's walls along: reading one man set up 249 subqueries, half a millisecond of it
(bench.roster_requests). A wall of what is read with a man asks for the caller's own code in one subquery now instead of
two, and looks that concern few callers stand in functions, which are set up by whoever reaches them. The price: such a
look is made for each row and never hashed, so each needs an index; the other tables' walls are as they were.
"""

from alembic import op

from shared.migrations import app_role, own

revision = "0012_lean_walls"
down_revision = "0011_county_wall_first"
branch_labels = None
depends_on = None

# With the caller's own rights: the walls of what they look up hold inside too. Tables by their whole names, so that no
# table of a caller's own can stand in the way.
LOOK = """
CREATE FUNCTION {name}(asked {kind}) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM {where});
END $$
"""
LOOKS = (
    # Who filed for a man reads what was decided on him.
    (
        "filed_by_caller",
        "uuid",
        "public.entry WHERE entry.id = asked AND filer_type = current_setting('app.org_type', true)"
        " AND filer_code = current_setting('app.org_code', true)",
    ),
    # A township reads the deferments of whom a decision on its household made.
    (
        "decided_for_township",
        "uuid",
        f"public.decision WHERE decision.deferment_id = asked AND {own('township', 'decision.township_code')}",
    ),
    # A county that is to decide on a man sees what deferment he has, wherever it was decided (RO-40, RO-50).
    (
        "on_roster_of_county",
        "bytea",
        "public.entry WHERE entry.national_id_index = asked AND entry.state NOT IN ('withdrawn', 'superseded')"
        f" AND {own('county', 'entry.county_code')}",
    ),
)


def _restate(table: str, policy: str, condition: str, *, writes: bool = False) -> None:
    check = f" WITH CHECK ({condition})" if writes else ""
    op.execute(f"ALTER POLICY {policy} ON {table} USING ({condition}){check}")


def upgrade() -> None:
    """Add the index and the functions and restate the policies. Who writes decisions waits while the index is built."""
    op.execute("CREATE INDEX ix_decision_deferment_id ON decision (deferment_id)")
    for name, kind, where in LOOKS:
        op.execute(LOOK.format(name=name, kind=kind, where=where))
        op.execute(f"REVOKE ALL ON FUNCTION {name}({kind}) FROM PUBLIC")
        op.execute(f'GRANT EXECUTE ON FUNCTION {name}({kind}) TO "{app_role()}"')

    county, school = own("county", "county_code"), own("school", "school_code")
    household = own("township", "township_code")
    for table in ("roster", "entry", "decision", "deferment", "registry_fact"):
        _restate(table, "who_decides", county, writes=True)
    _restate("batch", "county", county, writes=True)
    _restate("batch_entry", "county", county, writes=True)
    _restate("hint", "select_county", county)
    for table in ("roster", "entry"):
        _restate(table, "school", school, writes=True)
    for table in ("decision", "deferment"):
        _restate(table, "select_school", school)
    _restate("hint", "select_school", f"{school} AND visible_to_school")
    _restate("entry", "select_township", f"{household} AND (state = 'decided' OR corrects IS NOT NULL)")
    _restate("decision", "select_township", household)

    # Whose a wall is comes first: nothing is looked up for anybody else.
    kind = "(SELECT current_setting('app.org_type', true) {})"
    filers = kind.format("IN ('township', 'education_authority')")
    _restate("decision", "select_filer", f"{filers} AND filed_by_caller(entry_id)")
    _restate("deferment", "select_township_decided", kind.format("= 'township'") + " AND decided_for_township(id)")
    to_decide = kind.format("= 'county'") + " AND on_roster_of_county(national_id_index)"
    _restate("deferment", "select_decide", to_decide)
    _restate("deferment", "update_decide", to_decide, writes=True)
