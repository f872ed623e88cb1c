"""Several real wallets of one Litecoin network: another one judges when the preferred one cannot."""

import uuid

import pytest

import blocks
from test_biblepay import Pool, until


class Litecoin(Pool):
    """A network of the test's own on the shared pool's two nodes, behind a preferred wallet that is
    of no use."""

    def __init__(self, env, sql, channel, folder, bad):
        super().__init__(env, sql, channel, folder)
        self.bad = bad

    def wallet_section(self, name, priority, url, user, password_file):
        return (f"[wallet {name}]\nnetworks = {self.network}\nurl = {url}\nuser = {user}\n"
                f"password_file = {password_file}\npriority = {priority}\n"
                f"connect_timeout_ms = 500\ntimeout_ms = 700\n")

    def configuration(self):
        text = super().configuration()
        start = text.index("[network ")
        good = [self.env[f"PENSTOCK_WALLET_LITECOIN_{end}"]
                for end in ("URL", "USER", "PASSWORD_FILE")]
        return (text[:start]
                + f"[network {self.network}]\nfamily = bitcoin\nalgorithm = scrypt\n"
                  f"halving_interval = 150\np2pkh_versions = 111\np2sh_versions = 58 196\n"
                  f"bech32_prefix = rltc\n"
                  f"pool_address = {self.env['PENSTOCK_POOL_ADDRESS_LITECOIN']}\n"
                + self.wallet_section("preferred", 0, *self.bad(good, self.folder))
                + self.wallet_section("other", 1, *good))


def nobody_there(good, folder):
    return ["http://127.0.0.1:9/", *good[1:]]


def wrong_password(good, folder):
    path = folder / "wrong.password"
    path.write_text(uuid.uuid4().hex)
    path.chmod(0o600)
    return [*good[:2], path]


def no_such_service(good, folder):
    return [good[0].rsplit("/wallet/", 1)[0] + "/nothing", *good[1:]]


@pytest.mark.parametrize("bad", [nobody_there, wrong_password, no_such_service])
def test_the_other_wallet_judges_and_takes_blocks(env, db, amqp, rpc, tmp_path, bad):
    pool = Litecoin(env, db("root"), amqp("admin").channel(), tmp_path, bad)
    try:
        pool.start()
        blocks.await_one_tip(rpc)
        node = rpc("miner")
        script = bytes.fromhex(rpc("pool")("validateaddress", env["PENSTOCK_POOL_ADDRESS_LITECOIN"])
                               ["scriptPubKey"])
        template = node("getblocktemplate", {"rules": ["mweb", "segwit"]})
        share = blocks.Block(template, script).grind(blocks.above_target)
        assert pool.fate_of(share.fields(pool.work(), pool.guid)) == "credited", pool.log()
        block = blocks.Block(template, script).grind(blocks.meets_target)
        assert pool.fate_of(block.fields(pool.work(), pool.guid)) == "credited", pool.log()
        assert until(lambda: rpc("pool")("getbestblockhash") == block.hash())
        assert "wallet.away wallet=preferred" in pool.log()
        assert "wallet=other" in pool.log()
    finally:
        pool.close()
