#include "common/base/ipnet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_BITS = 96, ALL_BITS = 128 };

static const uint8_t v4_prefix[V4_BITS / 8] = {[10] = 0xff, [11] = 0xff};

bool ip_parse(const char *text, struct ip *ret)
{
    struct ip ip;

    memcpy(ip.byte, v4_prefix, sizeof v4_prefix);
    if (inet_pton(AF_INET, text, ip.byte + sizeof v4_prefix) != 1 &&
        inet_pton(AF_INET6, text, ip.byte) != 1)
        return false;
    *ret = ip;
    return true;
}

bool ip_is_v4(const struct ip *ip)
{
    return memcmp(ip->byte, v4_prefix, sizeof v4_prefix) == 0;
}

void ip_format(const struct ip *ip, char out[IP_TEXT_SIZE])
{
    if (ip_is_v4(ip))
        inet_ntop(AF_INET, ip->byte + sizeof v4_prefix, out, IP_TEXT_SIZE);
    else
        inet_ntop(AF_INET6, ip->byte, out, IP_TEXT_SIZE);
}

bool ipnet_has(const struct ipnet *net, const struct ip *ip)
{
    size_t whole = net->bits / 8;
    unsigned rest = net->bits % 8;

    return memcmp(net->ip.byte, ip->byte, whole) == 0 &&
           (rest == 0 || (net->ip.byte[whole] ^ ip->byte[whole]) >> (8 - rest) == 0);
}

bool ipnet_any_has(const struct ipnet *nets, size_t n, const struct ip *ip)
{
    for (size_t i = 0; i < n; i++)
        if (ipnet_has(&nets[i], ip))
            return true;
    return false;
}

static bool nothing_behind(const struct ipnet *net)
{
    for (unsigned i = net->bits; i < ALL_BITS; i++)
        if (net->ip.byte[i / 8] >> (7 - i % 8) & 1)
            return false;
    return true;
}

bool ipnet_parse(const char *text, struct ipnet *ret)
{
    struct ipnet net = {.bits = ALL_BITS};
    char address[IP_TEXT_SIZE];
    size_t len = strcspn(text, "/");

    if (len >= sizeof address)
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!ip_parse(address, &net.ip))
        return false;
    if (text[len] == '/') {
        const char *digits = text + len + 1;
        bool dotted = strchr(address, ':') == NULL;
        size_t n = strspn(digits, "0123456789");

        if (n == 0 || n > 3 || digits[n] != '\0')
            return false;
        net.bits = (unsigned)strtoul(digits, NULL, 10) + (dotted ? V4_BITS : 0);
    }
    if (net.bits > ALL_BITS || !nothing_behind(&net))
        return false;
    *ret = net;
    return true;
}

void ipnet_format(const struct ipnet *net, char out[IPNET_TEXT_SIZE])
{
    bool v4 = ip_is_v4(&net->ip) && net->bits >= V4_BITS;
    char address[IP_TEXT_SIZE];

    ip_format(&net->ip, address);
    if (net->bits == ALL_BITS)
        snprintf(out, IPNET_TEXT_SIZE, "%s", address);
    else
        snprintf(out, IPNET_TEXT_SIZE, "%s/%u", address, net->bits - (v4 ? V4_BITS : 0));
}
