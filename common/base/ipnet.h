/* IP addresses and networks of both versions. An IPv4 address is held as IPv6 maps it
 * (::ffff:a.b.c.d, RFC 4291, 2.5.5.2), so that both spellings of it are one address. */
#ifndef PENSTOCK_COMMON_BASE_IPNET_H
#define PENSTOCK_COMMON_BASE_IPNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_TEXT_SIZE    46                 /* with the NUL */
#define IPNET_TEXT_SIZE (IP_TEXT_SIZE + 4) /* "/128" */

struct ip {
    uint8_t byte[16];
};

struct ipnet {
    struct ip ip;  /* all bits behind the prefix are 0 */
    unsigned bits; /* 0..128; an IPv4 network's are 96 more than it says */
};

/* The numbers only: no name, port, zone or brackets. *RET is left alone when TEXT is no address. */
bool ip_parse(const char *text, struct ip *ret);
bool ip_is_v4(const struct ip *ip);
/* The canonical text (RFC 5952). */
void ip_format(const struct ip *ip, char out[IP_TEXT_SIZE]);

/* ADDRESS or NETWORK/BITS. False, leaving *RET alone, also when a bit behind the prefix is set. */
bool ipnet_parse(const char *text, struct ipnet *ret);
/* The canonical text; a single address without its bits. */
void ipnet_format(const struct ipnet *net, char out[IPNET_TEXT_SIZE]);
bool ipnet_has(const struct ipnet *net, const struct ip *ip);
bool ipnet_any_has(const struct ipnet *nets, size_t n, const struct ip *ip);

#endif
