"""`connector receive` as the process that it is: ready, refused, stopped, killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import orjson
import pytest

from connector.shop_run import State
from connector.state.sealing import KEYS_VARIABLE
from connector.state.webhook_installations import WebhookInstallations
from tests.receive.conftest import MakeService
from tests.receive.service import SECRET, TOKEN, installed_shops, signed, write_configuration

ROOT = Path(__file__).parents[2]
# The service, but the first webhook that was carried out is the process's last act: nothing is answered.
DIES_BEFORE_THE_ANSWER = """
import os, signal, sys
from connector.receive.lifecycle import Lifecycle
from connector.cli import main
carry_out = Lifecycle.carry_out
def carry_out_and_die(self, webhook):
    carry_out(self, webhook)
    os.kill(os.getpid(), signal.SIGKILL)
Lifecycle.carry_out = carry_out_and_die
main()
"""

Start = Callable[..., tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def start(tmp_path: Path, receiving_state: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []
    file = write_configuration(tmp_path / "shops.yaml")

    def begin(program: str | None = None) -> tuple[subprocess.Popen[str], str]:
        how = ["-m", "connector"] if program is None else ["-c", program]
        process = subprocess.Popen(
            [sys.executable, *how, "receive", "--json", "--port", "0", "--shops", str(file)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        lines = ""
        while not lines.endswith("}\n"):
            lines += process.stdout.readline() or pytest.fail(process.communicate()[1])
        return process, json.loads(lines)["receive"]

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def test_a_webhook_whose_answer_was_lost_to_kill_9_is_stored_and_its_retry_succeeds(start: Start) -> None:
    raw = orjson.dumps({"event": "integration.installed", "installation_id": "inst_alpha", "access_token": TOKEN})
    headers = signed(raw)
    process, address = start(DIES_BEFORE_THE_ANSWER)
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"{address}/webhook/receive", content=raw, headers=headers, timeout=30)
    assert process.wait(30) == -signal.SIGKILL
    state = State.open()
    try:
        (kept,) = WebhookInstallations(state.db, state.sealer).all()
        assert (kept.state, kept.token) == ("installed", TOKEN)

        process, address = start()
        again = httpx.post(f"{address}/webhook/receive", content=raw, headers=headers, timeout=30)
        assert (again.status_code, again.json()) == (200, {"success": True})
        assert WebhookInstallations(state.db, state.sealer).all() == [kept]
    finally:
        state.close()

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert "inst_alpha" in err
    for secret in (TOKEN, SECRET, os.environ[KEYS_VARIABLE]):
        assert secret not in err


def test_shops_installed_before_their_tills_were_to_push_get_their_secret_at_the_next_start(
    make_service: MakeService, tmp_path: Path, start: Start
) -> None:
    service = make_service()
    service.install()
    assert service.installations["inst_alpha"].webhook_secret is None

    template = installed_shops({"webhook_secret": "generate"})
    write_configuration(tmp_path / "shops.yaml", installed_shops=template)
    _, address = start()

    secret = service.installations["inst_alpha"].webhook_secret
    assert secret is not None
    assert httpx.post(f"{address}/pos/alpha/{secret}", data={"sale_id": "601"}).status_code == 200


def test_a_port_that_there_is_not_is_exit_code_2() -> None:
    command = [sys.executable, "-m", "connector", "receive", "--json", "--port", "65536"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert "--port" in json.loads(ran.stdout)["errors"][0]["message"]
