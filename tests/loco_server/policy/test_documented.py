"""docs/security.md shows the table that the code has."""

import sys
from pathlib import Path

import pytest

from loco_server.policy import documented
from loco_server.policy.permissions import CAN, ROLES, Permission

PAGE = Path(__file__).parents[3] / "docs/security.md"


def test_the_page_is_what_the_code_says() -> None:
    page = PAGE.read_text()
    assert documented.inserted(page) == page, "scripts/fix writes it anew"


def test_every_permission_is_told_with_its_meaning_and_every_role_with_what_it_has() -> None:
    lines = documented.table().splitlines()
    for permission in Permission:
        [line] = [line for line in lines if f"`{permission}`" in line]
        assert len(line) > len(f"- `{permission}`: ")
        if line.startswith("|"):
            ticks = [cell.strip() == "yes" for cell in line.split("|")[3:-1]]
            assert ticks == [permission in column for column in (*ROLES.values(), *CAN.values())]


def test_what_stands_around_the_table_stays_and_an_old_table_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{documented.BEGIN}\nold\n{documented.END}\nafter\n")
    monkeypatch.setattr(sys, "argv", ["documented", str(page)])
    documented.main()
    assert page.read_text() == f"before\n{documented.BEGIN}\n{documented.table()}\n{documented.END}\nafter\n"


@pytest.mark.parametrize("page", ["", documented.BEGIN, documented.END])
def test_a_page_without_both_markers_is_a_fault(page: str) -> None:
    with pytest.raises(ValueError, match="the page lacks"):
        documented.inserted(page)
