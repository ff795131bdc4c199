"""`loco-server admin check …`, run in this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from loco_server import main
from loco_server.check import command


@dataclass(frozen=True)
class Checked:
    code: int
    out: str
    err: str

    @property
    def findings(self) -> dict[str, Any]:
        """With --json: name → finding."""
        found = json.loads(self.out)
        assert found["version"] == 1
        return {each["name"]: each for each in found["findings"]}


Run = Callable[..., Checked]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name in ("LOCO_KUBECONFIG", "KUBECONFIG", "LOCO_DOMAIN", "LOCO_DATABASE_URL", "LOCO_TLS_CERT", "LOCO_TLS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(command, "TOKEN", command.TOKEN.with_name("not-there"))

    def run(*argv: str, before: tuple[str, ...] = ()) -> Checked:
        monkeypatch.setattr("sys.argv", ["loco-server", "admin", *before, "check", *argv])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        return Checked(int(ended.value.code or 0), said.out, said.err)

    return run
