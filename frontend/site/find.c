/* The ways in: / leads to the first network, the address form to a miner's page. */
#include "frontend/action/admit.h"
#include "frontend/site/page.h"

#include <stdio.h>
#include <string.h>

/* A browser may keep where it was led to for a while, as a page. */
static void lead_to(struct reply *reply, const char *network, const char *address)
{
    reply->status = 303;
    reply->page = true;
    buf_clear(&reply->body);
    snprintf(reply->location, sizeof reply->location, "/%s/%s%s%s", network,
             *address ? "miner/" : "", address, *address ? "/" : "");
}

void site_root(struct service *s, const struct request *rq, struct reply *reply)
{
    (void)rq;
    lead_to(reply, s->networks[0].name, "");
}

/* Without the spaces that come with a copied text. */
static void trim(char *text)
{
    static const char spaces[] = " \t\r\n";
    char *start = text + strspn(text, spaces);
    size_t len = strlen(start);

    while (len > 0 && strchr(spaces, start[len - 1]))
        len--;
    memmove(text, start, len);
    text[len] = '\0';
}

/* The form again, with what is wrong with what was typed in. */
static void ask_again(struct site *p, const char *typed, bool given)
{
    page_plain_begin(p, given ? 400 : 200, "Find your mining");
    page_address_form(p, given ? typed : NULL);
    page_bottom(p);
}

void site_find(struct service *s, const struct request *rq, struct reply *reply)
{
    const struct network *net = service_network(s, rq->segment[0]);
    char typed[512], address[ADDRESS_MAX_TEXT + 1];

    if (!admit_quietly(s, rq, LIMIT_READ_IP)) {
        site_refuse(s, rq, reply, 429, "too_many_requests", "Too many requests, slow down");
        return;
    }
    bool read = query_text(rq, "address", typed, sizeof typed);
    if (!read)
        typed[0] = '\0';
    trim(typed);
    if (!address_to_script(&net->rules, typed, strlen(typed), NULL)) {
        struct site p = {.s = s, .rq = rq, .reply = reply, .net = net};

        ask_again(&p, typed, !read || typed[0]);
        return;
    }
    address_canonical(&net->rules, typed, strlen(typed), address);
    lead_to(reply, net->name, address);
}
