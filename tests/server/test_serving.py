"""`hivemind serve` as a process: the first start, the tools over MCP, figures, TLS, and a stop."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from server_world import make_session, make_skill

from hivemind.domain.accounts import Role, TokenKind
from hivemind.server import serving
from hivemind.server.access import joining
from hivemind.store import accounts
from hivemind.store.database import Database, open_database

METRICS_TOKEN = "figures-figures-figures"


@dataclass
class Running:
    """Hold a server that runs, and what it said."""

    process: subprocess.Popen[str]
    address: str = ""
    invitation: str = ""
    lines: list[str] = field(default_factory=list)


@contextmanager
def serve(data: Path, *options: str) -> Iterator[Running]:
    """Run `hivemind serve` on a free port."""
    environment = {**os.environ, "HIVEMIND_HOME": str(data), "HIVEMIND_METRICS_TOKEN": METRICS_TOKEN}
    process = subprocess.Popen(
        [sys.executable, "-m", "hivemind", "serve", "--port", "0", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running, is_up = Running(process), threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            running.lines.append(line.rstrip())
            if found := re.search(r"/invite/(\S+)", line):
                running.invitation = found[1]
            if found := re.search(r"serving on (\S+);", line):
                running.address = found[1]
                is_up.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert is_up.wait(60), running.lines
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()
        reader.join(5)
        assert process.stdout is not None
        process.stdout.close()


def token_of(database: Database, person_id: str, role: Role = Role.WRITER) -> str:
    """Make an API token for a member."""
    with database.write("team") as workspace:
        return accounts.new_token(
            workspace, kind=TokenKind.API, person_id=person_id, role=role, lifetime=timedelta(hours=1)
        )[1]


def talk(address: str, token: str, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """List the tools over HTTP and make the calls; give the tools and each result."""

    async def made() -> list[Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(f"{address}/mcp", http_client=http)
            async with Client(transport, read_timeout_seconds=60) as client:
                listed = await client.list_tools()
                return [listed.tools, *[await client.call_tool(name, given) for name, given in calls]]

    return asyncio.run(made())


@pytest.mark.slow
def test_the_first_start_lets_an_admin_in_and_serves_the_tools(tmp_path: Path) -> None:
    """The link is printed once; MCP over HTTP has the tools of stdio; SIGTERM ends it with status 0."""
    data = tmp_path / "data"
    with serve(data, "--workspace", "team", "--organisation", "acme") as running:
        database = open_database(data / "server.db")
        joined = joining.accept_invitation(database, running.invitation, name="Ada")
        assert joined.member.role is Role.ADMIN
        make_skill(database, "team", "deploy-shop", says="carefully")
        session = make_session(database, "team", "s1", person_id="p1", says="the deployment failed")
        token = token_of(database, joined.member.person_id)
        tools, found, loaded, unknown, work, said = talk(
            running.address,
            token,
            ("skills_search", {"query": "deploy the shop"}),
            ("skills_load", {"name": "deploy-shop"}),
            ("skills_load", {"name": "deploy-shp"}),
            ("sessions_search", {"query": "deployment failed"}),
            ("outcome_report", {"outcome": "success", "session_id": session}),
        )
        assert sorted(tool.name for tool in tools) == [
            "outcome_report",
            "sessions_search",
            "skills_load",
            "skills_search",
        ]
        assert [one["name"] for one in found.structured_content["skills"]] == ["deploy-shop"]
        assert "make deploy" in loaded.content[0].text
        assert unknown.is_error
        assert "deploy-shop" in unknown.content[0].text
        assert [one["session_id"] for one in work.structured_content["episodes"]] == [session]
        assert "Noted" in said.content[0].text
        reader = token_of(database, joined.member.person_id, Role.READER)
        report = ("outcome_report", {"outcome": "success", "session_id": session})
        _, refused = talk(running.address, reader, report)
        assert refused.is_error
        with httpx.Client(base_url=running.address) as http:
            assert http.post("/mcp", json={}).status_code == 401
            assert http.get("/healthz").json() == {"status": "ok"}
            assert http.get("/readyz").json() == {"status": "ready"}
            assert http.get("/healthz", headers={"Host": "10.1.2.3"}).status_code == 200
            strange = http.get("/api/v1/me", headers={"Host": "evil.example"})
            assert strange.status_code == 421
            assert http.get("/metrics").status_code == 404
            assert http.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 404
            http.get("/nowhere/else")
            figures = http.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text
        assert 'hivemind_requests_total{method="POST",route="/mcp",status="200"}' in figures
        assert "nowhere" not in figures
        database.close()
    assert running.process.returncode == 0
    assert running.lines[-1] == "stopped"
    with serve(data) as again:
        assert again.invitation == ""


@pytest.mark.slow
def test_it_speaks_tls(tmp_path: Path) -> None:
    """With a certificate of its own; the browser's cookie is then Secure."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    with serve(tmp_path / "data", "--tls-cert", str(certificate), "--tls-key", str(key)) as running:
        import ssl

        trusting = ssl.create_default_context(cafile=str(certificate))
        assert running.address.startswith("https://127.0.0.1:")
        assert httpx.get(f"{running.address}/healthz", verify=trusting).status_code == 200


@pytest.mark.parametrize(
    "text",
    ["", "hivemind.example.com", "ftp://x", "https://x/path", "https://u:p@x", "https://x:99999", "https://"],
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    """`--base-url` is what people open."""
    from hivemind.errors import HivemindError

    with pytest.raises(HivemindError) as error:
        serving.checked_base_url(text)
    assert error.value.slug == "base-url"


def test_a_server_answers_by_its_own_names(tmp_path: Path) -> None:
    """Behind a proxy by the name that was given; on this machine by those of this machine."""
    database = open_database(tmp_path / "server.db")
    site = serving.site_of(database, base_url="https://hivemind.example.com", is_named=True)
    assert site.hosts == {"hivemind.example.com", "hivemind.example.com:443"}
    site = serving.site_of(database, base_url="http://127.0.0.1:8765", is_named=False)
    assert "localhost:8765" in site.hosts
    assert serving.site_of(database, base_url="http://0.0.0.0:8765", is_named=False).hosts == frozenset()
    assert serving.is_exposed("http://10.0.0.1:8765")
    assert not serving.is_exposed("http://localhost:8765")
    database.close()
