#include "frontend/site/page.h"

#include "common/base/clock.h"
#include "frontend/action/admit.h"
#include "frontend/site/format.h"
#include "frontend/web/answer.h"

#include <stdio.h>
#include <string.h>

#define MAX_PAGE 400 /* of a list: older rows are in the API */

/* --- the frame --- */

static const struct tab {
    const char *path, *name;
} tabs[] = {
    [TAB_HOME] = {"/", "Home"},
    [TAB_STATISTICS] = {"/statistics/", "Statistics"},
    [TAB_BLOCKS] = {"/blocks/", "Blocks"},
    [TAB_PAYMENTS] = {"/payments/", "Payments"},
    [TAB_JOIN] = {"/howtojoin/", "How to join"},
    [TAB_BOOKS] = {"/transparency/", "Transparency"},
};

const char *page_coin(const struct network *net)
{
    return *net->conf->coin_name ? net->conf->coin_name : net->name;
}

void page_path(struct site *p, const char *rest)
{
    html_raw(&p->h, "/");
    html_text(&p->h, p->net->name);
    html_text(&p->h, rest);
}

static void write_head(struct site *p, const char *title)
{
    html_raw(&p->h, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta name=\"color-scheme\" content=\"light dark\">\n"
                    "<meta name=\"description\" content=\"A mining pool for ");
    html_text(&p->h, page_coin(p->net));
    html_raw(&p->h, ": its hash rate, its blocks and payments, and what each miner earns.\">\n"
                    "<title>");
    html_text(&p->h, title);
    html_raw(&p->h, " · ");
    html_text(&p->h, p->s->conf->site.pool_name);
    html_raw(&p->h,
             "</title>\n<link rel=\"icon\" href=\"/static/favicon.svg\" type=\"image/svg+xml\">\n"
             "<link rel=\"stylesheet\" href=\"/static/uPlot-1.6.32.min.css\">\n"
             "<link rel=\"stylesheet\" href=\"/static/site.css?v=" PENSTOCK_VERSION "\">\n"
             "<script src=\"/static/site.js?v=" PENSTOCK_VERSION "\"></script>\n"
             "<script src=\"/static/uPlot-1.6.32.iife.min.js\" defer></script>\n</head>\n");
}

static void write_networks(struct site *p)
{
    if (p->s->networks_n < 2)
        return;
    html_raw(&p->h, "<nav class=\"networks\" aria-label=\"Networks\"><ul>\n");
    for (size_t i = 0; i < p->s->networks_n; i++) {
        const struct network *net = &p->s->networks[i];

        html_raw(&p->h, "<li><a href=\"/");
        html_text(&p->h, net->name);
        html_raw(&p->h, "/\"");
        if (net == p->net)
            html_raw(&p->h, " aria-current=\"true\"");
        html_raw(&p->h, ">");
        html_text(&p->h, page_coin(net));
        html_raw(&p->h, "</a></li>\n");
    }
    html_raw(&p->h, "</ul></nav>\n");
}

static void write_tabs(struct site *p, enum site_tab tab)
{
    html_raw(&p->h, "<nav class=\"tabs\" aria-label=\"Pages\"><ul>\n");
    for (size_t i = 0; i < sizeof tabs / sizeof *tabs; i++) {
        html_raw(&p->h, "<li><a href=\"");
        page_path(p, tabs[i].path);
        html_raw(&p->h, "\"");
        if (i == tab)
            html_raw(&p->h, " aria-current=\"page\"");
        html_raw(&p->h, ">");
        html_text(&p->h, tabs[i].name);
        html_raw(&p->h, "</a></li>\n");
    }
    html_raw(&p->h, "</ul></nav>\n");
}

void page_top(struct site *p, enum site_tab tab, const char *title)
{
    write_head(p, title);
    html_raw(&p->h, "<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n"
                    "<header>\n<div class=\"bar\">\n<a class=\"brand\" href=\"");
    page_path(p, "/");
    html_raw(&p->h, "\">");
    html_text(&p->h, p->s->conf->site.pool_name);
    html_raw(&p->h, "</a>\n");
    write_networks(p);
    html_raw(&p->h, "</div>\n");
    write_tabs(p, tab);
    html_raw(&p->h, "</header>\n<main id=\"main\">\n<h1>");
    html_text(&p->h, title);
    html_raw(&p->h, "</h1>\n");
}

static void write_contact(struct site *p)
{
    const char *contact = p->s->conf->site.contact;

    if (!*contact)
        return;
    html_raw(&p->h, "<li><a href=\"");
    if (!strstr(contact, "://"))
        html_raw(&p->h, "mailto:");
    html_text(&p->h, contact);
    html_raw(&p->h, "\">Help: ");
    html_text(&p->h, contact);
    html_raw(&p->h, "</a></li>\n");
}

void page_bottom(struct site *p)
{
    html_raw(&p->h, "</main>\n<footer>\n<ul>\n");
    write_contact(p);
    html_raw(&p->h, "<li><a href=\"/api/pools/");
    html_text(&p->h, p->net->name);
    html_raw(&p->h, "\">API</a> (<a href=\"/api/openapi.json\">description</a>)</li>\n"
                    "<li>All times are UTC</li>\n</ul>\n</footer>\n</body>\n</html>\n");
}

void page_address_form(struct site *p, const char *wrong)
{
    html_raw(&p->h, "<form class=\"find\" role=\"search\" method=\"get\" action=\"");
    page_path(p, "/miner/");
    html_raw(&p->h, "\">\n<label for=\"address\">Your ");
    html_text(&p->h, page_coin(p->net));
    html_raw(&p->h, " address</label>\n<div>\n<input id=\"address\" name=\"address\" required "
                    "maxlength=\"90\" autocomplete=\"off\" autocapitalize=\"off\" "
                    "spellcheck=\"false\"");
    if (wrong) {
        html_raw(&p->h, " aria-invalid=\"true\" aria-describedby=\"wrong\" value=\"");
        html_text(&p->h, wrong);
        html_raw(&p->h, "\"");
    }
    html_raw(&p->h, ">\n<button type=\"submit\">Show my mining</button>\n</div>\n");
    if (wrong)
        html_raw(&p->h, "<p id=\"wrong\" class=\"wrong\">This is no address of this network: "
                        "please look for a missing or mistyped character.</p>\n");
    html_raw(&p->h, "</form>\n");
}

/* --- answers --- */

static void clear(struct site *p)
{
    buf_clear(&p->reply->body);
    p->reply->body.max = ANSWER_MAX_BODY;
    p->reply->content_type = "text/html; charset=utf-8";
    p->reply->page = true;
    p->reply->etag[0] = '\0';
    p->reply->file_name[0] = '\0';
    p->reply->max_age_s = 0;
    p->h = HTML_INIT(&p->reply->body);
}

void page_plain_begin(struct site *p, int status, const char *title)
{
    clear(p);
    p->reply->status = status;
    page_top(p, TAB_NONE, title);
}

static void page_plain(struct site *p, int status, const char *title, const char *text)
{
    page_plain_begin(p, status, title);
    html_raw(&p->h, "<p class=\"lead\">");
    html_text(&p->h, text);
    html_raw(&p->h, "</p>\n<p><a href=\"");
    page_path(p, "/");
    html_raw(&p->h, "\">To the pool's home page</a></p>\n");
    page_bottom(p);
}

/* As a title over MESSAGE. */
static const char *title_of(int status)
{
    switch (status) {
    case 400:
        return "This cannot be right";
    case 404:
        return "There is nothing here";
    case 429:
        return "A little slower, please";
    case 503:
        return "Back in a moment";
    default:
        return "That did not work";
    }
}

void site_refuse(struct service *s, const struct request *rq, struct reply *reply, int status,
                 const char *count, const char *message)
{
    const struct network *net = service_network(s, rq->segment[0]);
    struct site p = {.s = s, .rq = rq, .reply = reply, .net = net ? net : s->networks};

    service_count(s, count);
    if (answer_wants_html(rq))
        page_plain(&p, status, title_of(status), message);
    else
        reply_error(reply, status, message);
}

static bool refuse(struct site *p, int status, const char *count, const char *message)
{
    site_refuse(p->s, p->rq, p->reply, status, count, message);
    return false;
}

static void database_away(struct site *p)
{
    refuse(p, 503, "database_away",
           "The pool's statistics are away for the moment. Try again in a minute; mining goes on.");
}

static bool take_address(struct site *p)
{
    const char *text = p->rq->segment[1];
    size_t len = strlen(text);

    if (!address_to_script(&p->net->rules, text, len, NULL))
        return refuse(p, 400, "invalid_address", "This is no address of the network.");
    address_canonical(&p->net->rules, text, len, p->address);
    return true;
}

static bool take_page(struct site *p)
{
    uint64_t number;

    if (!query_uint(p->rq, "page", 0, MAX_PAGE, &number))
        return refuse(p, 404, "invalid_page", "The list has no such page.");
    p->page = (struct page){.offset = number * SITE_ROWS, .size = SITE_ROWS + 1};
    return true;
}

static bool take_turn(struct site *p)
{
    return admit_quietly(p->s, p->rq, LIMIT_READ_IP) ||
           refuse(p, 429, "too_many_requests", "Too many requests, slow down");
}

bool site_begin(struct site *p, unsigned needs, struct service *s, const struct request *rq,
                struct reply *reply)
{
    *p = (struct site){.s = s,
                       .rq = rq,
                       .reply = reply,
                       .net = service_network(s, rq->segment[0]),
                       .now_s = clock_real_us() / 1000000};
    if (((needs & SITE_ADDRESS) && !take_address(p)) || ((needs & SITE_PAGE) && !take_page(p)) ||
        !take_turn(p))
        return false;
    if (!service_begin_db(s)) {
        database_away(p);
        return false;
    }
    clear(p);
    return true;
}

void site_end(struct site *p, enum db_result r)
{
    if (!service_settle_db(p->s, r))
        database_away(p);
    else if (p->h.full)
        refuse(p, 500, "answer_too_long", "This page has become too long to be shown.");
    else
        answer_keep(p->rq, p->reply, SITE_KEEP_S);
}

void site_end_unknown_miner(struct site *p)
{
    service_settle_db(p->s, DB_OK);
    refuse(p, 404, "unknown_miner",
           "The pool does not know this address yet: it appears here with the first work that its "
           "miner asks for.");
}
