"""`make audit-verify`: of a running suite and of one that was stopped."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.layout import REPO
from local.stack import Stack

pytestmark = pytest.mark.xdist_group("suite")


def verified(root: Path) -> tuple[int, str]:
    """The exit code and all that was said."""
    command = [sys.executable, "-m", "local.audit_verify", "--root", str(root)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def test_of_a_running_suite(suite: Stack):
    code, said = verified(suite.root)
    assert code == 0
    for service in ("identity", "notify", "rdss-fee", "roster"):
        assert f"{service}: as it was." in said
        assert f"{service}：相符。" in said
    # The accounts that a start makes were sealed.
    assert (suite.root / "audit" / "identity.log").stat().st_size > 0


def test_where_there_is_none_it_says_so(tmp_path: Path):
    code, said = verified(tmp_path)
    assert code == 2
    assert "make run" in said
    assert list(tmp_path.iterdir()) == []
