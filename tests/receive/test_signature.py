"""Who is believed: the signature over the raw body, its age, and several secrets at once."""

from __future__ import annotations

import logging

import pytest

from connector.receive import signature
from connector.receive.signature import TOLERANCE, Unsigned, verify
from tests.receive.service import SECRET, Service, signed

NOW = 1_700_000_000
BODY = b'{"event":"integration.activated","installation_id":"inst_demo"}'
VECTOR = "9ba9efe0458f6dbe05f3b3541aeae63400eef63d506027735c1b2986e34338a5"


def headers(timestamp: str | None = str(NOW), digest: str | None = VECTOR) -> dict[str, str]:
    given = {"x-shopimind-timestamp": timestamp, "x-shopimind-signature": digest}
    return {name: value for name, value in given.items() if value is not None}


def reason(
    given: dict[str, str], body: bytes = BODY, *, secrets: tuple[str, ...] = ("whsec_demo",), now: float = NOW
) -> str:
    with pytest.raises(Unsigned) as caught:
        verify(given, body, secrets, clock=lambda: now)
    return caught.value.reason


def test_the_published_vector_is_believed() -> None:
    assert verify(headers(), BODY, ["whsec_demo"], clock=lambda: NOW) == NOW


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (headers(None, None), "missing_signature_headers"),
        (headers(digest=None), "missing_signature"),
        (headers(timestamp=None), "invalid_timestamp"),
        *[
            (headers(stamp), "invalid_timestamp")
            for stamp in ("+1700000000", "1700000000.0", " 1700000000", "१७०", "9" * 40)
        ],
        (headers(str(NOW - TOLERANCE - 1)), "timestamp_out_of_tolerance"),
        (headers(str(NOW + 61)), "timestamp_out_of_tolerance"),
        (headers(digest="0" * 64), "signature_mismatch"),
        (headers(digest=VECTOR[:-2]), "signature_mismatch"),
        (headers(digest="é" * 64), "signature_mismatch"),
        (headers(str(NOW - 1)), "signature_mismatch"),
    ],
)
def test_every_reason_not_to_believe_one(given: dict[str, str], why: str) -> None:
    assert reason(given) == why


def test_one_changed_byte_of_the_body_is_a_mismatch() -> None:
    assert reason(headers(), BODY.replace(b":", b": ", 1)) == "signature_mismatch"


def test_without_any_secret_nothing_is_believed() -> None:
    assert reason(headers(), secrets=()) == "no_secret_configured"


def test_while_secrets_change_either_signs() -> None:
    for secrets in (["whsec_new", "whsec_demo"], ["whsec_demo", "whsec_new"]):
        verify(headers(), BODY, secrets, clock=lambda: NOW)
    assert reason(headers(), secrets=("whsec_new",)) == "signature_mismatch"


@pytest.mark.parametrize("skew", [-60, 0, TOLERANCE])
def test_clocks_may_differ_by_a_minute_ahead_and_five_behind(skew: int) -> None:
    verify(headers(), BODY, ["whsec_demo"], clock=lambda: NOW + skew)


def test_a_smaller_tolerance_holds_for_the_future_too() -> None:
    verify(headers(), BODY, ["whsec_demo"], tolerance=10, clock=lambda: NOW - 10)
    with pytest.raises(Unsigned):
        verify(headers(), BODY, ["whsec_demo"], tolerance=10, clock=lambda: NOW - 11)


def test_upper_case_digits_are_digits() -> None:
    verify(headers(digest=VECTOR.upper()), BODY, ["whsec_demo"], clock=lambda: NOW)


def test_the_answer_never_says_why_the_log_does(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        answer = service.post("/webhook/receive", BODY, signed(BODY, "somebody-elses"))
    assert (answer.status_code, answer.json()) == (401, {"success": False, "error": "unauthorized"})
    assert "signature_mismatch" in caplog.text
    assert SECRET not in caplog.text
    assert not service.installations


@pytest.mark.parametrize("path", ["/webhook/receive", "/webhook/test-connection", "/webhook/remote-data/stores"])
def test_nothing_is_answered_to_whoever_did_not_sign(service: Service, path: str) -> None:
    assert service.post(path, b"{}", {}).status_code == 401


def test_the_sender_signs_as_we_read_it() -> None:
    assert signature.sign("whsec_demo", str(NOW), BODY) == VECTOR
