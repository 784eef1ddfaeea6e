"""Checks of our own on every answer, beside those that Schemathesis brings."""

import re
from pathlib import Path

import schemathesis

DESCRIPTION = Path(__file__).resolve().parents[2] / "docs" / "API.md"
ROW = re.compile(r"^\| `([a-z_]+)` \| (\d{3}) \|", re.MULTILINE)
DOCUMENTED = {code: int(status) for code, status in ROW.findall(DESCRIPTION.read_text(encoding="utf-8"))}


@schemathesis.check
def documented_failure(ctx, response, case):
    """A failure has a code of docs/API.md, with the status that stands there, and the id of its request."""
    if response.status_code < 400:
        return
    body = response.json()
    expected = DOCUMENTED.get(body.get("code"))
    assert expected == response.status_code, f"{body.get('code')} comes with {response.status_code}, not {expected}"
    assert response.headers["x-request-id"] == [body["request_id"]]
