"""A real Prometheus that scrapes a server, and what it answers."""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.ports import free_port
from tests.waiting import eventually


class Prometheus:
    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=10, trust_env=False)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Give the series of an instant query; it must parse and be answered."""
        answer = self._client.get("/api/v1/query", params={"query": expr})
        assert answer.status_code == 200, f"{expr}\n{answer.text}"
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def names(self) -> set[str]:
        """Give the names of all metrics that it has scraped."""
        return set(self._client.get("/api/v1/label/__name__/values").json()["data"])

    def rules(self) -> list[dict[str, Any]]:
        groups = self._client.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def is_up(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        self._client.close()


@contextmanager
def scraping(targets: Sequence[tuple[str, str]], *, rules: Path) -> Iterator[Prometheus]:
    """Scrape each (address:port, path) every two seconds while the block runs."""
    with tempfile.TemporaryDirectory(prefix="loco-prometheus-") as folder:
        config = {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {
                    "job_name": f"loco{path.replace('/', '-')}",
                    "metrics_path": path,
                    "static_configs": [{"targets": [target]}],
                }
                for target, path in targets
            ],
        }
        (Path(folder) / "prometheus.yml").write_text(yaml.safe_dump(config))
        port = free_port()
        argv = [
            *("prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log)
        found = Prometheus(f"http://127.0.0.1:{port}")
        try:
            eventually(found.is_up, within=30)
            yield found
        finally:
            found.close()
            process.terminate()
            process.wait()
