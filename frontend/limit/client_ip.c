#include "frontend/limit/client_ip.h"

#include <stdio.h>
#include <string.h>

/* The last entry of the list, cut off its end: *LEN is what is left of TEXT. False when there is
 * none, or when it is no address. */
static bool last_hop(const char *text, size_t *len, struct ip *ret)
{
    char hop[IP_TEXT_SIZE];
    size_t end = *len;

    while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t'))
        end--;
    size_t start = end;
    while (start > 0 && text[start - 1] != ',')
        start--;
    *len = start > 0 ? start - 1 : 0;
    while (start < end && (text[start] == ' ' || text[start] == '\t'))
        start++;
    if (end - start >= sizeof hop)
        return false;
    memcpy(hop, text + start, end - start);
    hop[end - start] = '\0';
    return ip_parse(hop, ret);
}

void client_ip(const struct ipnet *trusted, size_t n, const struct request *rq,
               char out[IP_TEXT_SIZE])
{
    const char *header = request_header(rq, "X-Forwarded-For");
    const char *forwarded = header ? header : "";
    size_t len = strlen(forwarded);
    struct ip ip;

    if (!ip_parse(request_ip(rq), &ip)) { /* no TCP peer has such an address */
        snprintf(out, IP_TEXT_SIZE, "%s", request_ip(rq));
        return;
    }
    for (int hops = 0; hops < CLIENT_IP_MAX_HOPS && ipnet_any_has(trusted, n, &ip); hops++)
        if (!last_hop(forwarded, &len, &ip))
            break;
    ip_format(&ip, out);
}
