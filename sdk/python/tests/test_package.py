"""The package as users get it: built, installed in a clean environment, and with the code of its documentation."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from .conformance import content
from .support import PACKAGE, REPOSITORY

URL_IN_DOCS = "http://127.0.0.1:8000"
ROUTE = {
    "tenant": "acme",
    "service": "web",
    "env": "prod",
    "version": "v1",
    "url": "https://web-1.example.com",
    "is_active": True,
    "labels": {},
    "description": None,
    "revision": 5,
    "created_at": "t",
    "created_by": "x",
    "updated_at": "t",
    "updated_by": "x",
}


CONVERGENCE = {
    "state": "converged",
    "revision": content.tag("a.5"),
    "live": 2,
    "converged": 2,
    "refused": 0,
    "lost": 0,
    "unknown": 0,
    "anonymous": 0,
    "laggards": [],
    "oldest": None,
    "partial": False,
    "warming": False,
}


class Block(NamedTuple):
    runs: bool
    code: str


def blocks() -> list[Block]:
    text = (REPOSITORY / "docs/sdk/python.md").read_text()
    found = re.findall(r"^```python( run)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(bool(runs), code) for runs, code in found]


class Service(BaseHTTPRequestHandler):
    """Answers what the blocks that run ask for."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        waits = self.path.endswith("?wait=95%25%2C10000ms")
        self.reply(201, json.dumps({**ROUTE, **({"convergence": CONVERGENCE} if waits else {})}).encode())

    def do_HEAD(self) -> None:
        self.reply(304, b"")

    def do_GET(self) -> None:
        routes = [["web/prod/v1", ROUTE["url"], 5]]
        if self.path.endswith("/snapshot"):
            self.reply(200, content.body({"tag": "a.5", "routes": routes}))
        else:
            self.reply(503, b"")

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status if self.headers["authorization"] == "Bearer tmk_x" else 401)
        self.send_header("content-type", "application/json")
        self.send_header("etag", f'"{content.tag("a.5")}"')
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run(*command: str | Path, cwd: Path = PACKAGE) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("package")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    [wheel] = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv/bin/python"
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", PACKAGE / "requirements.txt")
    run(*pip, "--no-deps", wheel)
    return python


def test_wheel_installs_and_imports(python: Path, tmp_path: Path) -> None:
    run(python, "-m", "pip", "check")
    code = "import traffic_manager_client as tm, pathlib; print(tm.VERSION, pathlib.Path(tm.__file__).parent)"
    version, folder = run(python, "-c", code, cwd=tmp_path).split()
    assert version == "0.1.0"
    assert (Path(folder) / "py.typed").exists()


def test_code_of_the_documentation_is_typed_and_its_quick_starts_run(
    python: Path, service: str, tmp_path: Path
) -> None:
    files = []
    for at, block in enumerate(blocks()):
        file = tmp_path / f"block{at}.py"
        file.write_text(block.code.replace(URL_IN_DOCS, service).replace("tmk_…", "tmk_x"))
        files.append((file, block.runs))
    assert len(files) >= 7
    checked = [file for file, _ in files]
    run(sys.executable, "-m", "mypy", "--strict", "--python-executable", python, *checked, cwd=tmp_path)
    outputs = [run(python, file, cwd=tmp_path).strip() for file, runs in files if runs]
    quick = "1 https://web-1.example.com"
    assert outputs == [f"{content.tag('a.5')} converged", quick, quick]
    for block in [block for block in blocks() if block.runs][:2]:
        assert len([line for line in block.code.splitlines() if line]) <= 10, "a quick start has ten lines"
