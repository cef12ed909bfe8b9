# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The answers of a server to its dashboard, without a browser: the page, stored results, the first rows of files."""

from __future__ import annotations

import gzip
import json
import os
import pathlib
import pty
import re
import subprocess
import urllib.parse

import fractile
import numpy as np
import pytest
from support.browser import serving_pages
from support.raw_http import exchange, request
from support.server_market import FILE, SNAPSHOT, STREAM, make_files, make_root, make_rows, to_ipc, to_table
from support.server_process import ServerProcess, eventually

SHEET = "application/vnd.fractile.sheet+json"
CONFIG = {"mincos": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_root(tmp_path_factory.mktemp("dashboard"))


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    with serving_pages(tmp_path_factory.mktemp("server"), root, {"defaults": CONFIG}) as server:
        yield server


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return make_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def expected(root):
    return fractile.BacktestService.get(SNAPSHOT, root=root).run(make_rows(), **CONFIG)


def ask(server: ServerProcess, target: str, headers: dict[str, str] | None = None):
    answer = exchange(server.port, request("GET", target, headers=headers))
    assert answer is not None
    return answer


def post_sheet(server: ServerProcess, accept: str = SHEET):
    body = make_rows().to_csv(index=False).encode()
    target = f"/run?config={urllib.parse.quote(json.dumps(CONFIG))}"
    answer = exchange(server.port, request("POST", target, body, {"Accept": accept}, "text/csv"))
    assert answer is not None
    return answer


def test_the_page_is_small_strict_and_cached(server):
    total = 0
    for path in ("/", "/dashboard.js", "/dashboard.css"):
        answer = ask(server, path, {"Accept-Encoding": "gzip"})
        assert answer.status == 200 and answer.headers["content-encoding"] == "gzip"
        total += len(answer.body)
        plain = ask(server, path)
        assert "content-encoding" not in plain.headers and gzip.decompress(answer.body) == plain.body
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'") and "unsafe" not in policy
        again = ask(server, path, {"If-None-Match": answer.headers["etag"]})
        assert again.status == 304 and again.body == b""
    assert total < 120_000


def test_the_page_has_no_script_of_its_own(server):
    page = ask(server, "/").body.decode()
    assert re.findall(r"<script[^>]*>", page) == ['<script src="dashboard.js" defer>']
    assert not re.search(r"(src|href)=\"(/|https?:)", page)


def test_a_result_is_stored_and_read_again(server, expected):
    answer = post_sheet(server)
    location = answer.headers["location"]
    assert re.fullmatch(r"results/[0-9a-f]{32}", location)
    again = ask(server, f"/{location}")
    assert again.json()["run_id"] == expected.run_id
    assert again.headers["cache-control"] == "no-store"
    sheet = ask(server, f"/{location}", {"Accept": SHEET}).json()
    assert sheet == answer.json()
    daily = ask(server, f"/{location}?table=daily").json()
    np.testing.assert_array_equal([row["ret"] for row in daily], expected.daily["ret"])
    csv = ask(server, f"/{location}?table=daily", {"Accept": "text/csv"})
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.body.decode().splitlines()[0].startswith("date,ret,")


def test_every_run_has_an_id_of_its_own(server):
    assert post_sheet(server).headers["location"] != post_sheet(server).headers["location"]


def test_the_repeated_command_names_no_column_that_is_the_default(server):
    sheet = post_sheet(server).body.decode()
    assert "--mincos 2" in sheet and "--sigvar" not in sheet


def test_other_answers_of_run_store_nothing(server):
    assert "location" not in post_sheet(server, "application/json").headers
    assert "location" not in post_sheet(server, "text/html").headers


@pytest.mark.parametrize("target", ["/results/0123456789abcdef0123456789abcdef", "/results/x", "/results/%3Cscript%3E"])
def test_an_unknown_result_is_not_found(server, target):
    answer = ask(server, target)
    assert answer.status == 404 and answer.json()["error"]["code"] == "NOT_FOUND"


def test_an_unknown_table_is_not_found(server):
    location = post_sheet(server).headers["location"]
    assert ask(server, f"/{location}?table=none").status == 404
    assert ask(server, f"/{location}?tabel=daily").status == 422


def test_the_store_is_bounded(root, tmp_path):
    with serving_pages(tmp_path / "server", root, {"server": {"result_store_mb": 0.2}}) as server:
        locations = [post_sheet(server).headers["location"] for _ in range(12)]
        statuses = [ask(server, f"/{location}").status for location in locations]
    assert statuses[-1] == 200 and statuses[0] == 404
    assert statuses == sorted(statuses, reverse=True)


def test_a_store_of_nothing_stores_nothing(root, tmp_path):
    with serving_pages(tmp_path / "server", root, {"server": {"result_store_mb": 0}}) as server:
        answer = post_sheet(server)
    assert answer.status == 200 and "location" not in answer.headers


def test_formulas_in_names_stay_text(tmp_path):
    from oracle.markets import make_panel, make_signal

    panel = make_panel(5)
    names = np.array(["=1+1", "@x"])
    panel = panel.assign(country=names[(panel["security_id"].to_numpy() % 2).astype(int)])
    fractile.create_snapshot("formulas", panel, root=tmp_path)
    body = make_signal(panel, 5, messy=False).to_csv(index=False).encode()
    with serving_pages(tmp_path / "server", tmp_path) as server:
        config = urllib.parse.quote(json.dumps({"byvar_list": ["overall", "country"], "mincos": 2}))
        answer = exchange(server.port, request("POST", f"/run?config={config}", body, {"Accept": SHEET}, "text/csv"))
        assert answer is not None
        csv = ask(server, f"/{answer.headers['location']}?table=summary", {"Accept": "text/csv"}).body.decode()
    assert "country,'=1+1," in csv and "country,'@x," in csv


def test_a_parquet_body_is_the_same_run(server, files, expected):
    body = (files / "signal.parquet").read_bytes()
    target = f"/run?config={urllib.parse.quote(json.dumps({**CONFIG, 'byvar_list': ['overall']}))}"
    answer = exchange(server.port, request("POST", target, body, content_type="application/vnd.apache.parquet"))
    assert answer is not None and answer.json()["run_id"] == expected.run_id


# The first rows of a file


def preview(server: ServerProcess, body: bytes, kind: str = "text/csv", **config):
    target = f"/preview?config={urllib.parse.quote(json.dumps(config))}"
    answer = exchange(server.port, request("POST", target, body, content_type=kind))
    assert answer is not None
    return answer


def test_the_first_rows_are_the_same_in_every_form(server):
    rows = make_rows().head(9).rename(columns={"security_id": "PERMNO", "date_sig": "Trade Date", "signal": "My Alpha"})
    rows = rows[["Trade Date", "PERMNO", "My Alpha"]]
    bodies = {
        "text/csv": rows.to_csv(index=False, sep=";").encode(),
        "application/vnd.apache.parquet": rows.to_parquet(),
        FILE: to_ipc(to_table(rows), "file", chunk=2),
        STREAM: to_ipc(to_table(rows), chunk=100),
    }
    for kind, body in bodies.items():
        found = preview(server, body, kind).json()
        assert found["recognised"] == {"security_id": "PERMNO", "date_sig": "Trade Date", "value": "My Alpha"}, kind
        assert [column["name"] for column in found["columns"]] == list(rows)
        dates, ids, values = (column["cells"] for column in found["columns"])
        n = len(dates)
        assert n == (2 if kind == FILE else 6)
        assert dates == [str(date.date()) for date in rows["Trade Date"].head(n)]
        assert ids == [str(id) for id in rows["PERMNO"].head(n)]
        assert [float(value) for value in values] == list(rows["My Alpha"].head(n))


def test_columns_are_recognised_by_their_values(server):
    body = b"when,who,note,size\n2020-01-06,AA,x,1.5\n2020-01-07,BB,y,\n"
    found = preview(server, body).json()
    assert found["recognised"] == {"security_id": "who", "date_sig": "when", "value": "size"}
    assert found["columns"][3]["cells"][0] == "1.5"
    assert preview(server, b"a,b\nx,y\n").json()["recognised"] == {"security_id": "a", "date_sig": None, "value": None}
    european = b"when,who,size\n06/01/2020,AA,1.5\n13/01/2020,AA,2\n"
    assert preview(server, european).json()["recognised"]["date_sig"] is None
    assert preview(server, european, date_format="%d/%m/%Y").json()["recognised"]["date_sig"] == "when"


def test_the_first_rows_say_how_a_run_would_refuse_them(server):
    """The days of the first 300 rows do not tell day and month apart, the row after them does."""
    lines = ["06/01/2020,AA,1.5"] * 300 + ['13/01/2020,AA,"2,5"']
    body = "\n".join(["when,who,size", *lines]).encode()
    when, who, size = preview(server, body).json()["columns"]
    assert "--date-format %d/%m/%Y" in when["date_refusal"] and "%m/%d/%Y" not in when["date_refusal"]
    assert 'column "size"' in size["number_refusal"] and '"2,5"' in size["number_refusal"]
    assert who["date_refusal"] and who["number_refusal"]
    when, _, size = preview(server, body, date_format="%d/%m/%Y", null="size=2\\,5").json()["columns"]
    assert when["date_refusal"] is None and size["number_refusal"] is None


def test_the_first_rows_are_bounded(server):
    wide = ",".join(f"c{k}" for k in range(400)) + "\n" + ",".join(["\u00e4" * 100] * 400) + "\n"
    found = preview(server, wide.encode()).json()
    assert len(found["columns"]) == 256
    assert found["columns"][0]["cells"] == ["\u00e4" * 40]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"PAR1 no", "application/vnd.apache.parquet", 422, "UNREADABLE_SIGNAL"),
        (b"", "text/csv", 422, "UNREADABLE_SIGNAL"),
        (b"{}", "application/json", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_file_that_cannot_be_shown_is_refused(server, body, kind, status, code):
    answer = (
        preview(server, body, kind)
        if kind != "application/json"
        else exchange(server.port, request("POST", "/preview", body, content_type=kind))
    )
    assert answer.status == status and answer.json()["error"]["code"] == code


def test_the_snapshots_of_the_folder(server, root):
    (only,) = ask(server, "/snapshots").json()
    listed = fractile.list_snapshots(root=root).iloc[0]
    assert only["id"] == SNAPSHOT and only["is_loaded"] is True
    for name in ("dates", "securities", "rows", "bytes"):
        assert only[name] == listed[name]
    assert only["example_ids"] == [str(one) for one in sorted(make_rows()["security_id"].unique())[:2]]
    assert {column["name"]: column["kind"] for column in only["columns"]}.items() >= {"ret": "real", "country": "text"}.items()


def test_help_says_which_port_is_taken(executable):
    lines = {
        command: next(
            line for line in subprocess.check_output([executable, command, "--help"], text=True).splitlines() if "--port" in line
        )
        for command in ("serve", "ui")
    }
    assert "[8000]" in lines["serve"]
    assert "any free port" in lines["ui"] and "8000" not in lines["ui"]


def test_ui_prints_the_address_of_a_free_port(root, executable, tmp_path):
    process = subprocess.Popen(
        [executable, "ui", "--no-browser", "--root", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        assert found
        answer = eventually(lambda: exchange(int(found[1]), request("GET", "/health")))
        assert answer.status in (200, 503)
        page = exchange(int(found[1]), request("GET", "/"))
        assert page is not None and b"dashboard.js" in page.body
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_on_a_terminal_the_address_is_the_first_line_of_ui(root, executable, tmp_path):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [executable, "ui", "--no-browser", "--root", str(root)], stdout=theirs, stderr=theirs, cwd=tmp_path
    )
    os.close(theirs)
    try:
        shown = b""
        while b"listening" not in shown:
            shown += os.read(ours, 4096)
        assert re.match(rb"Dashboard: http://127\.0\.0\.1:\d+/ .*\r\n\{", shown), shown
    finally:
        process.terminate()
        assert process.wait(30) == 0
        os.close(ours)
