"""Every command of the golden corpus prints what it did when it was recorded: see golden/record.py."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "golden"))
import record


def test_the_record_is_that_of_the_commands() -> None:
    assert [wanted["command"] for wanted in record.expected()] == record.commands()


@pytest.mark.parametrize("wanted", record.expected(), ids=lambda wanted: wanted["command"])
@pytest.mark.quick(90)
def test_commands_print_what_they_did(wanted: dict[str, Any]) -> None:
    assert record.difference(wanted, record.run(wanted["command"]), exact=False) == ""
