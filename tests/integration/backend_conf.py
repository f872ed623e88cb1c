"""Settings of backends that a test runs beside the pool's own: its servers and wallet, another network.

    conf.write_text(servers(env) + section("network x", LITECOIN, pool_address=…) + litecoin_wallet(env, "x"))
"""

LITECOIN = {"family": "bitcoin", "algorithm": "scrypt", "p2pkh_versions": 111, "p2sh_versions": "58 196",
            "bech32_prefix": "rltc", "halving_interval": 150}
BITCOIN = {"family": "bitcoin", "algorithm": "sha256d", "p2pkh_versions": 60, "p2sh_versions": 26,
           "bech32_prefix": "rb", "halving_interval": 150, "payouts": "no"}
BIBLEPAY = {"family": "biblepay", "algorithm": "biblehash", "p2pkh_versions": 140}


def section(name, settings=None, **more):
    """Settings that are "" stay out: the default."""
    pairs = ((settings or {}) | more).items()
    return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in pairs if value != "")


def servers(env, **database):
    """[database] and [broker]; DATABASE has further settings of the first."""
    text = ""
    for name, prefix, part, more in (("database", "DB", "name", database), ("broker", "AMQP", "vhost", {})):
        get = lambda end, p=prefix: env[f"PENSTOCK_{p}_{end}"]  # noqa: E731
        text += section(name, {"hosts": get("HOST"), "port": get("PORT"), part: get(part.upper()),
                               "user": get("BACKEND_USER"),
                               "password_file": get("BACKEND_PASSWORD_FILE")}, **more)
    return text


def wallet_section(name, network, url, user, password_file, **more):
    return section(f"wallet {name}", {"networks": network, "url": url, "user": user,
                                      "password_file": password_file}, **more)


def litecoin_wallet(env, network, name="litecoin"):
    """The pool's own."""
    ends = ("URL", "USER", "PASSWORD_FILE")
    return wallet_section(name, network, *(env[f"PENSTOCK_WALLET_LITECOIN_{end}"] for end in ends))
