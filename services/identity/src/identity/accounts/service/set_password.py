"""Give an account another password."""

from identity.accounts.models import Account
from shared import clock
from shared.law import rule


@rule("ID-01", "ID-02")
def set_password(account: Account, password_hash: str, *, must_change: bool) -> None:
    """Store the hash and end every session that was opened with the password before."""
    account.password_hash = password_hash
    account.must_change_password = must_change
    account.sessions_since = clock.now()
