"""Each command that the runbook (docs/operations.md, "Alerts") prints, typed as it stands there: none may fail at three in the
morning, whatever it finds."""

import re

import pytest
from conftest import ROOT
from members import Member

CHAPTER = re.search(r"(?ms)^## Alerts\n(.*?)(?=^## )", (ROOT / "docs/operations.md").read_text())[1]
COMMANDS = sorted({line for block in re.findall(r"(?ms)^```bash\n(.*?)^```$", CHAPTER) for line in block.splitlines()})


@pytest.fixture(scope="module", autouse=True)
def something_to_look_at(stack):
    Member(stack).sign_in()


def test_there_are_commands():
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_runbook_works(stack, line):
    # The containers of a person's own stack are called `rust-<service>-1`.
    typed = line.replace("rust-rust-1", stack.container("rust"))
    # `pipefail`: a search that finds nothing ends with 1, and anything else that fails is a mistake in the document.
    done = stack.run("bash", "-o", "pipefail", "-c", typed, check=False, timeout=90)
    found_nothing = done.returncode == 1 and "| grep" in line and not done.stdout
    assert done.returncode == 0 or found_nothing, f"{done.returncode}\n{done.stdout}{done.stderr}"
    assert not re.search(r"(?mi)^(error|unknown|usage):|no such service|permission denied", done.stderr), done.stderr
