"""The pages: each one well-formed, complete without scripts, and text wherever a miner or a browser had its
say; what they show is what is stored."""

import csv
import datetime
import html.parser
import io
import pathlib
import re
import uuid

import pymysql
import pytest
import requests

from action_client import poll
from conftest import ROOT
from fcgi_client import own_frontend
from test_api import COIN, Books, base58check
from test_site_views import clean as clean_network
from test_site_views import run

import test_api

NETWORK, EMPTY = "itest-site", "itest-empty"  # of frontends of their own: no task and no worker knows them
ALICE, BOB, LARGE, NOBODY = (base58check(58, bytes([i]) * 20) for i in (1, 2, 3, 4))
SCRIPT = "<script>alert(1)</script>"
HOSTILE_NAMES = [f"rig\"{SCRIPT}&\\'", "' onmouseover='alert(1)", "=cmd|'/c calc'!A1", "`{{7*7}}`${7*7}",
                 "</td></table>" + SCRIPT]
SITE = """[site]
pool_name = The <b>"Pool"</b> & 'Co'
url = https://pool.example:8443
contact = help@pool.example
notify = yes
"""
NETWORKS = "".join(f"""[network {name}]
aliases = {name}-alias
pool_address = {base58check(58, bytes([9]) * 20)}
p2sh_versions = 58
coin_name = {SCRIPT}
coin_symbol = <T>
maturity_blocks = 10
miners = action biblepay
transaction_url = https://explorer.example/tx/*?a=1&b=2
""" for name in (NETWORK, EMPTY))
PAGES = ["/", "/howtojoin/", "/statistics/", "/blocks/", "/payments/", "/transparency/", "/miner/"]
POLICY = {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'",
          "form-action": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'"}
BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


# --- reading a page as a browser does ---

VOID = {"meta", "link", "input", "br"}
TAGS = VOID | set("""html head title script body a header footer div nav ul li main h1 h2 section form label button
    dl dt dd small p span strong time table caption thead tbody tr th td figure figcaption details summary
    progress code pre var fieldset legend""".split())
ATTRIBUTES = set("""lang charset name content rel href type src defer class id aria-label aria-labelledby
    aria-current aria-describedby aria-invalid role action method for required maxlength autocomplete
    autocapitalize spellcheck value checked tabindex scope datetime title max download data-column data-kind
    data-unit data-name data-value""".split())


# What may stand where, as far as the standard is strict.
PHRASING = set("a label button small span strong time progress code var input br".split())
ONLY_PHRASING = {"p", "h1", "h2", "small", "span", "strong", "dt", "label", "button", "time", "code", "var", "pre", "a",
                 "caption", "figcaption", "summary", "title", "legend"}
PARENTS = {"li": {"ul"}, "dt": {"div"}, "dd": {"div"}, "thead": {"table"}, "tbody": {"table"}, "caption": {"table"},
           "tr": {"thead", "tbody"}, "th": {"tr"}, "td": {"tr"}, "figcaption": {"figure"}, "summary": {"details"}, "legend": {"fieldset"},
           "main": {"body"}, "header": {"body"}, "footer": {"body"}, "h1": {"main"}, "title": {"head"},
           "meta": {"head"}, "link": {"head"}, "script": {"head"}, "dl": {"main", "section"}}
CHILDREN = {"ul": {"li"}, "dl": {"div"}, "table": {"caption", "thead", "tbody"}, "tr": {"th", "td"},
            "thead": {"tr"}, "tbody": {"tr"}}


class Page(html.parser.HTMLParser):
    """Fails for what no page of ours has; gathers texts, tables and links."""

    def __init__(self, reply):
        super().__init__(convert_charrefs=True)
        self.open, self.links, self.tables, self.ids, self.labelled, self.text = [], [], [], [], [], ""
        self.headings, self.captions = [], []
        markup = reply.body.decode("utf-8")
        assert markup.startswith("<!DOCTYPE html>\n<html lang=\"en\">") and markup.endswith("</html>\n")
        assert "<!--" not in markup
        self.feed(re.sub(r'<span class="ago">[^<]*</span>', "", markup))  # which the next second may change
        self.close()
        assert self.open == [], "not closed"
        assert len(self.ids) == len(set(self.ids)), "an id twice"
        assert set(self.labelled) <= set(self.ids)
        assert self.headings.count("h1") == 1

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        parent = self.open[-1] if self.open else None
        assert parent in PARENTS.get(tag, {parent}) and tag in CHILDREN.get(parent, {tag}), (tag, self.open)
        assert parent not in ONLY_PHRASING or tag in PHRASING, (tag, self.open)
        assert not (tag in ("a", "button", "label") and tag in self.open), self.open
        names = [name for name, _ in attrs]
        assert set(names) <= ATTRIBUTES and len(names) == len(set(names)), (tag, attrs)
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.labelled += [attrs[name] for name in ("for", "aria-labelledby", "aria-describedby") if name in attrs]
        for name in ("href", "src", "action"):
            if name in attrs:
                assert re.match(r"/(?!/)|#|https://explorer\.example/tx/|mailto:", attrs[name]), attrs
                if attrs.get("method") != "post":
                    self.links.append(attrs[name])
        if tag == "script":
            assert attrs["src"].startswith("/static/")
        if tag in ("h1", "h2"):
            self.headings.append(tag)
        if tag == "table":
            self.tables.append([])
            self.captions.append("")
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("th", "td"):
            self.tables[-1][-1].append("")
        if tag == "th":
            assert attrs["scope"] in ("row", "col")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        assert "script" not in self.open or not data.strip()
        self.text += data
        if "caption" in self.open:
            self.captions[-1] += data
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data

    def table(self, caption):
        """Rows of the table of that name, without their head."""
        assert self.captions.count(caption) == 1, self.captions
        return self.tables[self.captions.index(caption)][1:]


def check_head(reply):
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    assert policy == POLICY
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["X-Frame-Options"] == "DENY"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in reply.headers


def read(frontend, path, query="", status=200, **headers):
    reply = frontend.get(path, query, headers=BROWSER | headers)
    assert reply.status == status, reply
    check_head(reply)
    return Page(reply)


# --- what is stored ---


def fill(books):
    workers = books.miner(ALICE, HOSTILE_NAMES)
    idle, = books.miner(BOB, ["Default"])
    for worker in workers:
        books.shares(worker, 60, 600_000, rejected=3)
    books.shares(idle, 6, 60_000)
    for back in (1, 2):
        books.add("miner_stats_hour", miner_id=books.miners[ALICE], hour=books.minute // 60 - back,
                  network=NETWORK, shares=60, rejected=3, difficulty=3_600_000, workers=5)
    for reason in ("WorkExpired", "Brand<b>New"):
        books.add("rejected_day", miner_id=books.miners[ALICE], worker_id=workers[0], reason=reason,
                  network=NETWORK, rejected=1234, rolled_s=1)
    books.block(1, "finished", minutes_ago=60 * 24 * 30, finder=ALICE)
    for height in range(2, 40):
        books.block(height, "open", pool=False, minutes_ago=80 - 2 * height)
    split = books.block(40, "finished", finder=ALICE)
    books.block(41, "orphaned")
    books.block(42, "assigned", finder=BOB)
    books.credit(split, ALICE, 3 * COIN)
    books.balance(ALICE, ("share-out", 1234 * COIN + 1, "Share"))
    books.payment(ALICE, 1234 * COIN + 1, "sent")
    books.payment(ALICE, 2 * COIN, "confirmed", days_ago=2)
    books.payment(ALICE, 7, "intent")
    books.payment(ALICE, 9, "cancelled")
    for i in range(26):
        books.payment(BOB, COIN + i, "confirmed", days_ago=3 + i)
    books.add("account", network=NETWORK, kind="mature", balance=-1234 * COIN - 1)
    books.add("audit_run", network=NETWORK, outcome="clean", owed=5, held=5, detail="a secret")
    books.add("audit_run", network=NETWORK, outcome="incomplete", owed=5, held=None, detail="")
    books.add("account", network=NETWORK, kind="miner", miner_id=books.miners[BOB], balance=0)
    books.add("network_terms", network=NETWORK, scheme="pplns", fee_bp=150, minimum_payout=250000000, told_at=books.now)
    for back in (0, 1, 30):
        books.add("network_stats", network=NETWORK, hour=books.minute // 60 - back, shares=7200, rejected=6,
                  difficulty=3600 * 690_000, miners=2, workers=6, blocks=4, pool_blocks=1)


def site_frontend(env, folder, site=SITE, changes=()):
    """A frontend of a test's own with these networks, and SITE in the place of the pool's section."""
    conf = pathlib.Path(env["PENSTOCK_FRONTEND_CONF"]).read_text(encoding="utf-8")
    section = re.search(r"(?m)^\[site\]\n(?:[^\[\n].*\n|\n)*", conf)[0]
    return own_frontend(env, folder, NETWORKS, [(section, site), *changes])


class SiteBooks(Books):
    @staticmethod
    def when(seconds):
        return datetime.datetime.utcfromtimestamp(seconds)

    def miner_of_its_own(self, address):
        """The id, in a list; to be deleted by whoever made it."""
        miner = str(uuid.uuid4())
        self.add("miner", id=miner, network=NETWORK, address=address)
        return [miner]


@pytest.fixture(scope="module")
def root(env):
    connection = pymysql.connect(user="root", unix_socket=env["PENSTOCK_DB_ROOT_SOCKET"], charset="utf8mb4",
                                 database=env["PENSTOCK_DB_NAME"], autocommit=True)
    clean_network(connection, NETWORK)
    yield connection
    clean_network(connection, NETWORK)
    connection.close()


@pytest.fixture(scope="module")
def books(root):
    before, test_api.NETWORK = test_api.NETWORK, NETWORK  # where its Books write to
    try:
        made = SiteBooks(root)
        fill(made)
    finally:
        test_api.NETWORK = before
    return made


@pytest.fixture(scope="module")
def frontend(env, books, tmp_path_factory):
    with site_frontend(env, tmp_path_factory.mktemp("site")) as own:
        yield own


# --- every page ---


@pytest.mark.parametrize("page", PAGES + [f"/miner/{ALICE}/", f"/miner/{BOB}/"])
def test_a_page(frontend, page):
    found = read(frontend, f"/{NETWORK}{page}")
    assert "The <b>\"Pool\"</b> & 'Co'" in found.text
    assert "mailto:help@pool.example" in found.links
    for link in found.links:
        path = link.partition("?")[0]
        if path.startswith("/static/"):
            assert (ROOT / "frontend" / path[1:]).is_file(), path
        elif path.startswith("/") and path != "/api/openapi.json":
            assert frontend.get(path, headers=BROWSER).status == 200, path


def test_the_terms_are_those_that_the_backend_told(frontend):
    told = read(frontend, f"/{NETWORK}/").text
    assert "Fee: 1.5\u00a0%" in told.replace(" %", "\u00a0%") and "PPLNS" in told and "2.5 <T>" in told
    assert "told here soon" not in told
    unknown = read(frontend, f"/{EMPTY}/").text
    assert "told here soon" in unknown and "Fee:" not in unknown


@pytest.mark.parametrize("page", PAGES)
def test_a_pool_without_any_data(frontend, page):
    found = read(frontend, f"/{EMPTY}{page}")
    assert "nan" not in found.text.lower() and "null" not in found.text.lower()


def test_a_page_is_the_same_without_its_last_slash(frontend):
    for page in PAGES[3:]:  # the others go on with the minutes
        assert read(frontend, f"/{NETWORK}{page[:-1]}").text == read(frontend, f"/{NETWORK}{page}").text


def test_an_alias_leads_to_the_same_pages(frontend):
    found = read(frontend, f"/{NETWORK}-alias/blocks/")
    assert found.text == read(frontend, f"/{NETWORK}/blocks/").text
    assert not any("alias" in link for link in found.links)


def test_the_root_leads_to_a_network(frontend, env):
    reply = frontend.get("/", headers=BROWSER)
    assert reply.status == 303
    assert reply.headers["Location"] == f"/{env['PENSTOCK_NETWORKS'].split()[0]}/"


# --- what they show ---


def test_a_miners_page(frontend, books):
    found = read(frontend, f"/{NETWORK}/miner/{ALICE}/")
    assert "1,234.00000001 <T>" in found.text  # the balance
    assert "1,236.00000001 <T>" in found.text  # what was sent: neither the intent nor what was cancelled
    workers = found.table("Workers, last day")
    assert sorted(row[0] for row in workers) == sorted(HOSTILE_NAMES)
    assert {tuple(row[2:]) for row in workers} == {("10.0 kH/s", "60", "3")}
    last = books.when((books.minute + 60) * 60)  # that of the last minute which Books fills
    assert all(f"{last:%Y-%m-%d %H:%M} UTC" in row[1] for row in workers)
    refused = found.table("Refused solutions of the last day, and what to do")
    assert {row[1] for row in refused} == {"1,234"} and {row[0] for row in refused} == {HOSTILE_NAMES[0]}
    assert any("Too late" in row[2] for row in refused) and any("Brand<b>New" in row[2] for row in refused)
    payments = found.table("Payments to you")
    assert [row[1] for row in payments] == ["1,234.00000001 <T>", "0.00000007 <T>", "2 <T>"] or \
        [row[1] for row in payments] == ["0.00000007 <T>", "1,234.00000001 <T>", "2 <T>"]
    credit, = found.table("Credits: your part of the pool's blocks")
    assert credit[1:] == ["40", "1", "3 <T>"]
    plot = found.table("Your hash rate, last two hours")
    assert 12 <= len(plot) <= 24 and {row[1] for row in plot[-2:]} == {"50.0 kH/s"}  # 5 workers, 600,000 a minute
    day = found.table("Your hash rate by the hour, last 24 hours")
    assert len(day) == 12 and [row[1] for row in day].count("1.00 kH/s") == 2  # the hour under way is none


def test_transactions_are_links(frontend, books):
    found = read(frontend, f"/{NETWORK}/miner/{ALICE}/")
    wanted = {f"https://explorer.example/tx/{txid.hex()}?a=1&b=2" for (txid,) in run(
        books.root, "SELECT txid FROM payout p JOIN payout_item i ON i.payout_id = p.id WHERE network = %s AND"
        " address = %s AND txid IS NOT NULL AND status <> 'cancelled'", NETWORK, ALICE)}
    assert len(wanted) == 2
    assert {link for link in found.links if link.startswith("https:")} == wanted


def test_a_disabled_miner(frontend, books):
    miner, = books.miner_of_its_own(NOBODY)
    try:
        assert "takes no work" not in read(frontend, f"/{NETWORK}/miner/{NOBODY}/").text
        run(books.root, "UPDATE miner SET disabled = 1 WHERE id = %s", miner)
        assert "takes no work" in read(frontend, f"/{NETWORK}/miner/{NOBODY}/").text
    finally:
        run(books.root, "DELETE FROM miner WHERE id = %s", miner)


def test_the_form_that_asks_for_messages(frontend, env, books, tmp_path):
    """It has what the other end takes; where the settings take none, there is no form."""
    text = frontend.get(f"/{NETWORK}/miner/{ALICE}/", headers=BROWSER).body.decode()
    form = re.search(r'<form class="tell" method="post" action="/notify/subscribe">.*?</form>', text, re.S)[0]
    names = set(re.findall(r' name="(\w+)"', form))
    assert names == {"network", "address", "payout", "silent", "block", "channel", "target"}
    assert f'name="network" value="{NETWORK}"' in form and f'name="address" value="{ALICE}"' in form
    with site_frontend(env, tmp_path, SITE.replace("notify = yes\n", "")) as own:
        assert "/notify/" not in own.get(f"/{NETWORK}/miner/{ALICE}/", headers=BROWSER).body.decode()


def test_blocks(frontend):
    rows = read(frontend, f"/{NETWORK}/blocks/").table("Blocks the pool found")
    assert [row[0] for row in rows] == ["42", "41", "40", "1"]
    assert [row[2].split(" ")[0] for row in rows] == ["maturing", "lost", "confirmed", "confirmed"]
    assert "1 of 10 confirmations" in rows[0][2]
    assert {row[3] for row in rows} == {"50.00000001 <T>"}


def test_the_latest_blocks_are_those_of_now(frontend, books):
    """What is kept for all readers does not stay: a new block appears, and one that is gone goes."""
    caption = "Blocks the pool found"

    def are(heights):
        found = read(frontend, f"/{EMPTY}/")
        return [row[0] for row in (found.table(caption) if caption in found.captions else [])] == heights

    assert poll(lambda: are([]), pause=0.2)
    run(books.root, "INSERT INTO block (network, height, hash, status, pool_block, subsidy, difficulty, chain_time)"
        " VALUES (%s, 7, %s, 'open', 1, 1, 1, UTC_TIMESTAMP())", EMPTY, uuid.uuid4().bytes * 2)
    try:
        assert poll(lambda: are(["7"]), pause=0.2)
    finally:
        run(books.root, "DELETE FROM block WHERE network = %s", EMPTY)
    assert poll(lambda: are([]), pause=0.2)


def test_lists_have_pages(frontend):
    first, second = (read(frontend, f"/{NETWORK}/payments/", query) for query in ("", "page=1"))
    rows = [page.table("Payments to miners") for page in (first, second)]
    assert [len(part) for part in rows] == [25, 4]
    assert f"/{NETWORK}/payments/?page=1" in first.links and f"/{NETWORK}/payments/" in second.links
    assert f"/{NETWORK}/payments/?page=2" not in second.links
    assert "There are no payments here" in read(frontend, f"/{NETWORK}/payments/", "page=2").text


def test_statistics(frontend, books):
    found = read(frontend, f"/{NETWORK}/statistics/")
    days = found.table("Shares and blocks per day")
    assert len(days) == 30  # today is the last one, unless a new day has just begun
    assert f"{books.when(books.minute * 60):%Y-%m-%d}" in (days[-1][0], days[-2][0])
    assert sum(int(row[1].replace(",", "")) for row in days) == 3 * 7200
    assert sum(int(row[2]) for row in days) == 3
    hours = found.table("Pool hash rate by the hour, last seven days")
    # the hour under way is none of them; unless it has ended since
    assert len(hours) in (30, 31) and [row[1] for row in hours].count("690 kH/s") in (2, 3)
    assert {row[1] for row in hours} == {"690 kH/s", "0 H/s"}
    miners = found.table("The fastest miners in this hour and the one before")
    assert [row[0] for row in miners] == [f"{name[:8]}…{name[-6:]}" for name in (ALICE, BOB)]


def test_plots_are_drawn_from_numbers(frontend):
    """Each cell that the script reads has a number, and its row a time."""
    for page in ("/", "/statistics/", f"/miner/{ALICE}/"):
        text = frontend.get(f"/{NETWORK}{page}", headers=BROWSER).body.decode()
        figures = re.findall(r"<figure.*?</figure>", text, re.S)
        assert figures, page
        for figure in figures:
            rows = re.findall(r"<tr>.*?</tr>", figure.partition("<tbody>")[2], re.S)
            for column in map(int, re.findall(r'data-column="(\d)"', figure)):
                for row in rows:
                    assert re.search(r'<time datetime="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ">', row)
                    cell = re.findall(r"<td[^>]*>", row)[column - 1]
                    assert float(re.search(r'data-value="([^"]*)"', cell)[1]) >= 0


def test_transparency(frontend, books):
    found = read(frontend, f"/{NETWORK}/transparency/")
    assert found.table("What the pool owes")[-1] == ["Together", "1,234.00000001 <T>"]
    assert found.table("What the pool holds")[-1] == ["Together", "1,234.00000001 <T>"]
    assert "Both sides are the same" in found.text and "a secret" not in found.text
    assert [row[1] for row in found.table("The last audits")] == ["not everything could be asked", "all in order"]
    assert found.table("Rewards of the pool's blocks")[0] == ["Split up among miners", "2", "100.00000002 <T>"]
    run(books.root, "INSERT INTO account (network, kind, balance) VALUES (%s, 'cold', -1)", NETWORK)
    run(books.root, "INSERT INTO payout_freeze (network, frozen, reason) VALUES (%s, 1, 'a secret')", NETWORK)
    try:
        found = read(frontend, f"/{NETWORK}/transparency/")
        assert "The sides differ" in found.text and "payments stopped" in found.text
        assert "a secret" not in found.text
    finally:
        run(books.root, "DELETE FROM account WHERE network = %s AND kind = 'cold'", NETWORK)
        run(books.root, "DELETE FROM payout_freeze WHERE network = %s", NETWORK)


def test_how_to_join(frontend, env, books, tmp_path):
    reply = frontend.get(f"/{NETWORK}/howtojoin/", headers=BROWSER | {"Host": "evil.example"})
    found = Page(reply)
    assert "--url https://pool.example:8443 " in found.text and f"--network {NETWORK} " in found.text
    assert "pool=https://pool.example:8443\n" in found.text and "evil" not in found.text
    assert reply.headers["Cache-Control"] == "public, max-age=30"
    # without the setting: what this one browser asked for, and nobody else's
    with site_frontend(env, tmp_path, SITE.replace("url = https://pool.example:8443\n", "")) as own:
        for host, shown in (("a.example:1", "http://a.example:1 "), ("[::1]", "http://[::1] "),
                            (SCRIPT, "https://THIS-POOL "), ("a b", "https://THIS-POOL "), ("", "https://THIS-POOL ")):
            reply = own.get(f"/{NETWORK}/howtojoin/", headers=BROWSER | {"Host": host})
            assert f"--url {shown}" in Page(reply).text
            assert reply.headers["Cache-Control"] == "no-store"


def test_five_hundred_workers(frontend, books):
    miner, = books.miner_of_its_own(LARGE)
    names = [f"{'<' * 59}{i:05}" for i in range(500)]
    try:
        with books.root.cursor() as cursor:
            cursor.executemany("INSERT INTO worker (miner_id, name) VALUES (%s, %s)",
                               [(miner, name) for name in names])
            cursor.execute("INSERT INTO worker_day (miner_id, worker_id, network, shares, rejected, difficulty,"
                           " now_shares, now_difficulty, last_minute, rolled_s) SELECT miner_id, id, %s, 7, 0, 1, 1,"
                           " 600, 1, 1 FROM worker WHERE miner_id = %s", (NETWORK, miner))
        found = read(frontend, f"/{NETWORK}/miner/{LARGE}/")
        assert [row[0] for row in found.table("Workers, last day")] == names
        assert "3,500" in found.text and "500 H/s" in found.text
    finally:
        run(books.root, "DELETE FROM worker_day WHERE miner_id = %s", miner)
        run(books.root, "DELETE FROM worker WHERE miner_id = %s", miner)
        run(books.root, "DELETE FROM miner WHERE id = %s", miner)


# --- downloads ---


def download(frontend, name, address=ALICE):
    reply = frontend.get(f"/{NETWORK}/miner/{address}/{name}.csv", headers=BROWSER)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.headers["Content-Disposition"] == f'attachment; filename="{NETWORK}-{name}-{address}.csv"'
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    return list(csv.reader(io.StringIO(reply.body.decode(), newline=""), strict=True))


def test_payments_as_csv(frontend, books):
    head, *rows = download(frontend, "payments")
    assert head == ["time", "amount", "coin", "status", "confirmations", "transaction"]
    stored = run(books.root, "SELECT COALESCE(p.sent_at, p.created_at), i.amount, p.status, LOWER(HEX(txid)) FROM"
                 " payout p JOIN payout_item i ON i.payout_id = p.id WHERE network = %s AND i.address = %s AND"
                 " status <> 'cancelled'", NETWORK, ALICE)
    assert sorted(rows) == sorted(
        [f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{amount / COIN:.8f}".rstrip("0").rstrip("."), "<T>", status, "0", txid or ""]
        for at, amount, status, txid in stored)
    assert len(download(frontend, "payments", BOB)) == 27


def test_credits_as_csv(frontend, books):
    head, row = download(frontend, "credits")
    assert head == ["time", "block", "shares", "amount", "coin"]
    assert row == [f"{books.now:%Y-%m-%dT%H:%M:%SZ}", "40", "1", "3", "<T>"]
    assert download(frontend, "credits", BOB) == [head]


def test_workers_as_csv(frontend, books):
    head, *rows = download(frontend, "workers")
    assert head == ["hour", "worker", "shares", "refused", "hashes per second"]
    hour = f"{books.when(books.minute // 60 * 3600):%Y-%m-%dT%H:%M:%SZ}"
    guarded = {"'" + name if name.startswith("=") else name for name in HOSTILE_NAMES}
    assert {row[1] for row in rows} == guarded and len(guarded) == 5
    assert all(row[0] == hour and row[2:] == ["60", "3", "166"] for row in rows)


# --- what others write ---

HOSTILE = ["'", "' OR '1'='1", "\";--", "%27", SCRIPT, "..", "*", "@", "\x01", "ä".encode(), b"\xff\xfe", "x" * 127,
           "x" * 128, "%s%n", ALICE + "x", ALICE.lower(), ALICE[:-1] + "1", "javascript:alert(1)", "\r\nSet-Cookie: a=b"]


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_addresses_that_are_none(frontend, text):
    for end in (b"", b"/", b"/payments.csv", b"/workers.csv"):
        path = f"/{NETWORK}/miner/".encode() + as_bytes(text) + end
        reply = frontend.get(path, headers=BROWSER)
        assert reply.status in (400, 404), reply
        check_head(reply)
        assert Page(reply) and reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_networks_that_are_none(frontend, text):
    for page in ("/", "/statistics/", f"/miner/{ALICE}/"):
        reply = frontend.get(b"/" + as_bytes(text) + page.encode(), headers=BROWSER)
        assert reply.status == 404, reply
        assert Page(reply) and reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_is_typed_in(frontend, text):
    """It comes back as a value of the form, for its sender to repair; as text, whatever it is."""
    encoded = "".join(f"%{byte:02X}" for byte in as_bytes(text))
    reply = frontend.get(f"/{NETWORK}/miner/", f"address={encoded}", headers=BROWSER)
    assert reply.status == 400 and b"<script>alert" not in reply.body
    check_head(reply)
    if not isinstance(text, bytes) and text.isprintable():
        typed = re.search(r' value="([^"]*)"', reply.body.decode())[1]
        assert html.unescape(typed) == text
    assert "Location" not in reply.headers and "Set-Cookie" not in reply.headers
    assert reply.headers["Cache-Control"] == "no-store"


def test_the_form_leads_to_a_miner(frontend):
    for typed in (ALICE, f"+%20{ALICE}%0D%0A", f"{ALICE}&x=1"):
        reply = frontend.get(f"/{NETWORK}/miner/", f"address={typed}", headers=BROWSER)
        assert (reply.status, reply.headers["Location"]) == (303, f"/{NETWORK}/miner/{ALICE}/")
    for query in ("", "address=", "address=+", "other=1"):
        assert "aria-invalid" not in frontend.get(f"/{NETWORK}/miner/", query, headers=BROWSER).body.decode()
    for query in ("address=%00", "address=%", f"address={ALICE}&address={ALICE}", "address=" + "A" * 900):
        assert frontend.get(f"/{NETWORK}/miner/", query, headers=BROWSER).status == 400


@pytest.mark.parametrize("query", ["page=-1", "page=x", "page=401", "page=", "page=%31", "page=1&page=2",
                                   "page=99999999999999999999999", f"page={SCRIPT}"])
def test_pages_that_are_none(frontend, query):
    for page in ("/blocks/", "/payments/"):
        assert read(frontend, f"/{NETWORK}{page}", query, 404)


def test_a_miner_that_nobody_knows(frontend):
    found = read(frontend, f"/{NETWORK}/miner/{NOBODY}/", status=404)
    assert "does not know this address" in found.text
    assert frontend.get(f"/{NETWORK}/miner/{NOBODY}/payments.csv", headers=BROWSER).status == 404


def test_errors_are_for_whoever_asks(frontend):
    """A browser reads a page; a deployed miner its own form; a program that reads the API, JSON."""
    for path in ("/nothing", "/no/thing", f"/{NETWORK}/nothing", f"/{NETWORK}/miner/x/"):
        assert Page(frontend.get(path, headers=BROWSER))
        for accept in ({}, {"Accept": "*/*"}, {"Accept": "text/plain"}):
            assert frontend.get(path, headers=accept).body.endswith(b"<EOF><END></HTML>\n"), path
    assert frontend.get("/api/nothing", headers=BROWSER).json()["error"]["code"] == "not_found"
    reply = frontend.get(f"/{NETWORK}/blocks/", method="POST", headers=BROWSER)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD") and Page(reply)


def test_without_a_database(env, books, tmp_path):
    dead = [(f"port = {env['PENSTOCK_DB_PORT']}", "port = 1")]
    with site_frontend(env, tmp_path, changes=dead) as own:
        for page in PAGES[:-1] + [f"/miner/{ALICE}/", f"/miner/{ALICE}/credits.csv"]:
            assert "mining goes on" in read(own, f"/{NETWORK}{page}", status=503).text
        assert read(own, f"/{NETWORK}/miner/")
        assert read(own, f"/{NETWORK}/miner/x/", status=400)


def test_limit(env, books, tmp_path):
    """Two at once, and then as one an hour may come back only much later than this test ends."""
    limits = [("[limits]\n", "[limits]\nreads_per_ip = 1\nreads_per_ip_burst = 2\n")]
    with site_frontend(env, tmp_path, changes=limits) as own:
        replies = [own.get(f"/{NETWORK}/", headers=BROWSER, ip="192.0.2.1") for _ in range(4)]
        assert [reply.status for reply in replies[:2]] == [200, 200] and replies[3].status == 429
        assert Page(replies[3]) and replies[3].headers["Cache-Control"] == "no-store"
        assert own.get(f"/{NETWORK}/miner/", f"address={ALICE}", headers=BROWSER, ip="192.0.2.1").status == 429
        assert own.get(f"/{NETWORK}/", headers=BROWSER, ip="192.0.2.2").status == 200


# --- what they cost, and how long they keep ---


def test_pages_read_views_only():
    """Every statement of the readers names a view of the site, and nothing else."""
    for path in (ROOT / "frontend/read").glob("*.c"):
        text = re.sub(r'"\s*"', "", path.read_text(encoding="utf-8"))
        for tables in re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", text):
            assert tables.startswith("site_"), (path.name, tables)
        assert not re.search(r'"[^"]*\b(INSERT|UPDATE|DELETE|REPLACE)\b\s', text), path.name
    for path in (ROOT / "frontend/site").glob("*.c"):
        assert "SELECT" not in path.read_text(encoding="utf-8"), path.name


@pytest.mark.parametrize("page", ["/blocks/", "/payments/", f"/miner/{ALICE}/payments.csv"])
def test_etags(frontend, page):
    """Of what does not go on with the time while nothing happens, but for words such as 5 minutes ago."""
    first = frontend.get(f"/{NETWORK}{page}", headers=BROWSER)
    assert first.headers["Cache-Control"] == "public, max-age=30"
    again = frontend.get(f"/{NETWORK}{page}", headers=BROWSER | {"If-None-Match": first.headers["ETag"]})
    if again.headers["ETag"] == first.headers["ETag"]:
        assert (again.status, again.body) == (304, b"")
        assert again.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]
    else:
        assert again.status == 200 and page != f"/miner/{ALICE}/payments.csv"
    head = frontend.get(f"/{NETWORK}{page}", method="HEAD", headers=BROWSER)
    assert (head.status, head.body) == (200, b"") and head.headers.keys() == first.headers.keys()


def through_apache(env, path, **headers):
    return requests.get(env["PENSTOCK_URL"] + path, verify=env["PENSTOCK_CA"], timeout=30, headers=headers,
                        allow_redirects=False)


def test_the_web_server_keeps_pages(env):
    """One for all who ask, whatever they accept. It keeps for 30 s, so each look may have to be repeated."""
    network = env["PENSTOCK_NETWORKS"].split()[0]
    path = f"/{network}/blocks/?test={uuid.uuid4()}"
    first = through_apache(env, path, **BROWSER)
    assert first.status_code == 200 and "Age" not in first.headers

    def kept(**headers):
        reply = through_apache(env, path, **headers)
        return reply if "Age" in reply.headers else None

    for accept in (BROWSER["Accept"], "text/html", "text/html;q=0.9", "*/*", "text/plain"):
        reply = poll(lambda accept=accept: kept(Accept=accept))
        assert reply.status_code == 200 and reply.text.startswith("<!DOCTYPE html>")
        assert reply.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]
        assert "Vary" not in reply.headers and "Vary" not in first.headers
    tag = reply.headers["ETag"]
    known = through_apache(env, path, **{"If-None-Match": tag})
    assert (known.status_code, known.content) == (304, b"") or known.headers["ETag"] != tag
    for _ in range(3):
        nothing = through_apache(env, f"/{network}/nothing?test={uuid.uuid4()}", **BROWSER)
        assert nothing.status_code == 404 and "Age" not in nothing.headers


@pytest.mark.parametrize("path", ["/nothing", "/no/thing", "/static/nothing"])
def test_browsers_get_a_page_of_any_error(env, path):
    reply = through_apache(env, path, **BROWSER)
    assert reply.status_code == 404 and "Age" not in reply.headers
    assert reply.text.startswith("<!DOCTYPE html>") and "'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Cache-Control"] == "no-store"
    assert through_apache(env, path).text.endswith("<EOF><END></HTML>\n")


TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
         ".html": "text/html; charset=utf-8", ".txt": None}


def test_static_files(env):
    """All of them as they are here, with the length of time that their names promise."""
    for file in (ROOT / "frontend/static").iterdir():
        reply = through_apache(env, f"/static/{file.name}")
        assert reply.status_code == 200 and reply.content == file.read_bytes(), file.name
        assert TYPES[file.suffix] in (None, reply.headers.get("Content-Type"))
        for_good = re.search(r"-\d+\.\d+\.\d+\.", file.name)
        kept = "no-store" if file.suffix == ".html" else "public, max-age=3600"  # pages of errors
        assert reply.headers["Cache-Control"] == ("public, max-age=31536000, immutable" if for_good else kept)
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert ("Content-Security-Policy" in reply.headers) == (file.suffix == ".html")
        known = through_apache(env, f"/static/{file.name}", **{"If-None-Match": reply.headers["ETag"]})
        assert (known.status_code, known.content) == (304, b"")
    robots = through_apache(env, "/robots.txt")
    assert robots.text == (ROOT / "frontend/static/robots.txt").read_text(encoding="utf-8")
    assert robots.headers["Content-Type"] == "text/plain; charset=utf-8"
    for path in ("/static/", "/static/none.css", "/static/../openapi.json", "/static/%2e%2e/openapi.json",
                 "/static/site.css/x"):
        session = requests.Session()
        request = requests.Request("GET", env["PENSTOCK_URL"] + path).prepare()
        request.url = env["PENSTOCK_URL"] + path  # as it is, with its dots
        assert session.send(request, verify=env["PENSTOCK_CA"], timeout=30).status_code in (400, 403, 404), path


def test_scripts_of_ours_fetch_nothing():
    text = (ROOT / "frontend/static/site.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|fetch\(|XMLHttp|https?:",
                         text)
    for file in (ROOT / "frontend/static").glob("*.css"):
        assert not re.search(r"url\(|@import|https?:", file.read_text(encoding="utf-8")), file.name
    for file in (ROOT / "frontend/static").glob("*.html"):
        assert not re.search(r"<script|<style|style=|\son\w+=|https?:", file.read_text(encoding="utf-8")), file.name
