/* Addresses and networks from settings, bans and X-Forwarded-For; whose request it is. */
#include "tests/fuzz/fuzz.h"

#include "common/base/ipnet.h"
#include "common/base/mem.h"
#include "frontend/limit/client_ip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool same_ip(const struct ip *a, const struct ip *b)
{
    return memcmp(a->byte, b->byte, sizeof a->byte) == 0;
}

/* What the canonical text says is what was read. */
static void check_ip(const char *text)
{
    char canonical[IP_TEXT_SIZE], again[IP_TEXT_SIZE];
    struct ip ip, same;

    if (!ip_parse(text, &ip))
        return;
    ip_format(&ip, canonical);
    assert(ip_parse(canonical, &same) && same_ip(&ip, &same));
    ip_format(&same, again);
    assert(strcmp(canonical, again) == 0);
    assert(ip_is_v4(&ip) == (strchr(canonical, ':') == NULL));
}

static void check_net(const char *text)
{
    char canonical[IPNET_TEXT_SIZE];
    struct ipnet net, same;
    struct ip other;

    if (!ipnet_parse(text, &net))
        return;
    assert(net.bits <= 128 && ipnet_has(&net, &net.ip));
    ipnet_format(&net, canonical);
    assert(ipnet_parse(canonical, &same));
    assert(same.bits == net.bits && same_ip(&same.ip, &net.ip));
    for (unsigned bit = 0; bit < 128; bit++) {
        other = net.ip;
        other.byte[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
        assert(ipnet_has(&net, &other) == (bit >= net.bits));
    }
}

static size_t no_body(void *ctx, void *data, size_t size)
{
    (void)ctx;
    (void)data;
    (void)size;
    return 0;
}

/* The client is an address, whatever the header says; and the peer itself unless that is a proxy.
 */
static void check_client(const char *forwarded, const char *peer, bool trusted)
{
    char header[] = "HTTP_X_FORWARDED_FOR", out[IP_TEXT_SIZE];
    char *variable = mem_sprintf("%s=%s", header, forwarded);
    char *remote = mem_sprintf("REMOTE_ADDR=%s", peer);
    char *const env[] = {variable, remote, NULL};
    const struct request rq = {.env = env, .read = no_body};
    struct ipnet proxy;
    struct ip ip, own;

    assert(ipnet_parse("192.0.2.0/24", &proxy) && ip_parse(peer, &own));
    client_ip(&proxy, 1, &rq, out);
    assert(ip_parse(out, &ip));
    if (!trusted)
        assert(same_ip(&ip, &own));
    else if (strpbrk(forwarded, ", \t") == NULL && ip_parse(forwarded, &own))
        assert(same_ip(&ip, &own));
    free(variable);
    free(remote);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);

    check_ip(text);
    check_net(text);
    check_client(text, "192.0.2.7", true);
    check_client(text, "198.51.100.1", false);
    free(text);
    return 0;
}
