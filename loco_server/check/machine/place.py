"""Which server is meant: its data folder, and what it is set to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loco_server.check.finding import Finding, missing, ok
from loco_server.local import folder
from loco_server.local.lock import Holder, holder
from loco_server.local.processes import Running, recorded
from loco_server.records import migrating
from loco_server.settings import Ports, Settings, domain_name, local_settings
from loco_spec.errors import UsageError

NAME = "variables"


@dataclass(frozen=True)
class Machine:
    settings: Settings
    """With the defaults where `faults` tells of variables that do not work. `public` is None: see `domain`."""
    faults: tuple[str, ...] = ()
    domain: str | None = None
    """None: everything is on loopback."""
    tls: tuple[Path | None, Path | None] = (None, None)
    """Certificate and key as they were named."""

    @property
    def again(self) -> str:
        """How the server is started."""
        if self.domain is not None:
            return "loco-server run, or systemctl start loco-server"
        return f"loco-server local --detach --data-dir {self.settings.data_dir}"

    @property
    def server(self) -> Holder | None:
        """The server that runs."""
        found = holder(self.settings.data_dir)
        return found if found is not None and found.is_alive() else None

    def child(self, name: str) -> Running | None:
        """Envoy or the registry, if it runs."""
        found = recorded(self.settings.run_dir, name)
        return found if found is not None and found.is_alive() else None


def machine(
    data_dir: Path,
    environment: Mapping[str, str],
    *,
    domain: str | None,
    tls: tuple[Path | None, Path | None] = (None, None),
) -> Machine:
    """Give the machine as its server would start; `domain` None: as it last did. Raises nothing."""
    faults = []
    try:
        found = domain or (data_dir / "run" / "public").read_text(encoding="utf-8").strip()
        domain = domain_name(found)
    except OSError:  # it never served the world
        domain = None
    except ValueError as e:
        faults.append(f"LOCO_DOMAIN: {e}")
    settings = Settings(data_dir=data_dir)
    try:
        settings = local_settings(data_dir, Ports(), environment, database=_database(data_dir, environment))
    except UsageError as e:
        faults.append(f"{migrating.VARIABLE}: {e.message}; {e.hint}")
    except ValueError as e:
        faults += str(e).splitlines()
    return Machine(settings, tuple(each.strip() for each in faults), domain, tls)


def _database(data_dir: Path, environment: Mapping[str, str]) -> str | None:
    text = environment.get(migrating.VARIABLE)
    if not text or _is_local(data_dir):
        return None
    return migrating.parsed(text).render_as_string(hide_password=False)


def _is_local(data_dir: Path) -> bool:
    """Whether `local` has it, which keeps its records in the folder, whatever is set."""
    try:
        return folder.exists(data_dir) and not (data_dir / "run" / "public").exists()
    except PermissionError:  # another user's
        return False


async def look(found: Machine) -> Finding:
    return judge(found.faults, found.domain)


def judge(faults: tuple[str, ...], domain: str | None) -> Finding:
    if faults:
        return missing(NAME, "; ".join(faults), "correct them; loco docs operations tells the form of each")
    return ok(NAME, f"as the server reads them; {f'for {domain}' if domain else 'everything on loopback'}")
