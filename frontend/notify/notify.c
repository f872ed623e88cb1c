#include "frontend/notify/notify.h"

#include "common/base/uuid.h"
#include "frontend/action/admit.h"
#include "frontend/read/column.h"
#include "frontend/site/page.h"
#include "frontend/web/query.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define MOST_BODY   2048
#define TARGET_SIZE 255 /* column notify_subscription.target, and a NUL */
#define TOKEN_LEN   32

/* --- what every one of them begins with --- */

/* A form of the request's body, read like a query. */
struct form {
    struct buf body;
    char variable[sizeof "QUERY_STRING=" + MOST_BODY];
    char *env[2];
    struct request rq;
};

static void form_read(struct form *f, const struct request *rq)
{
    *f = (struct form){.body = BUF_INIT(MOST_BODY)};
    bool ok = request_body(rq, &f->body) == BODY_OK && f->body.len > 0 &&
              memchr(f->body.data, '\0', f->body.len) == NULL;

    snprintf(f->variable, sizeof f->variable, "QUERY_STRING=%s", ok ? f->body.data : "");
    buf_free(&f->body);
    f->env[0] = f->variable;
    f->rq = (struct request){.env = f->env};
}

static bool may_go_on(struct service *s, const struct request *rq, struct reply *reply, bool adds)
{
    if (!s->conf->site.notify) {
        site_refuse(s, rq, reply, 404, "not_found", "Not Found");
        return false;
    }
    if (!admit_quietly(s, rq, adds ? LIMIT_NOTIFY_IP : LIMIT_READ_IP)) {
        site_refuse(s, rq, reply, 429, "too_many_requests", "Too many requests, slow down");
        return false;
    }
    return true;
}

static struct site page_of(struct service *s, const struct request *rq, struct reply *reply,
                           const struct network *net)
{
    return (struct site){.s = s, .rq = rq, .reply = reply, .net = net};
}

static void say(struct site *p, int status, const char *title, const char *text)
{
    page_plain_begin(p, status, title);
    html_raw(&p->h, "<p class=\"lead\">");
    html_text(&p->h, text);
    html_raw(&p->h, "</p>\n");
    page_bottom(p);
}

/* One row; the answer is written when it could not be added. */
static bool add_row(struct site *p, const char *sql, const struct db_value *v, size_t n)
{
    if (service_begin_db(p->s) && service_settle_db(p->s, db_exec(p->s->db, sql, v, n, NULL)))
        return true;
    site_refuse(p->s, p->rq, p->reply, 503, "database_away",
                "This cannot be stored just now; please try again in a minute");
    return false;
}

/* --- a wish --- */

static const char mail_local[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-";

/* The backend looks again, and more closely: this is to tell who mistyped. */
static bool is_mail(const char *text)
{
    size_t before = strspn(text, mail_local);

    return before > 0 && text[before] == '@' && strchr(text + before, '.') &&
           text[before + 1 + strspn(text + before + 1, mail_local)] == '\0';
}

static bool is_url(const char *text)
{
    bool ok = strncmp(text, "https://", 8) == 0 && text[8] != '\0';

    for (; ok && *text; text++)
        ok = *text > ' ' && *text < 0x7f && *text != '"' && *text != '<' && *text != '>' &&
             *text != '\\';
    return ok;
}

struct wish {
    const struct network *net;
    char address[ADDRESS_MAX_TEXT + 1], target[TARGET_SIZE], channel[8], events[32];
};

static bool read_events(const struct form *f, char *out, size_t size)
{
    static const char *const events[] = {"block", "payout", "silent"};
    char value[8];
    size_t len = 0;

    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (query_text(&f->rq, events[i], value, sizeof value) && strcmp(value, "1") == 0)
            len += (size_t)snprintf(out + len, size - len, "%s%s", len ? "," : "", events[i]);
    return len > 0;
}

/* NULL, or what is wrong with the form. */
static const char *read_wish(struct service *s, const struct form *f, struct wish *w)
{
    char id[64], typed[ADDRESS_MAX_TEXT + 1];
    const struct network *net =
        query_text(&f->rq, "network", id, sizeof id) ? service_network(s, id) : NULL;

    if (!net)
        return "There is no such network.";
    w->net = net;
    if (!query_text(&f->rq, "address", typed, sizeof typed) ||
        !address_to_script(&w->net->rules, typed, strlen(typed), NULL))
        return "This is no address of this network: please look for a missing or mistyped "
               "character.";
    address_canonical(&w->net->rules, typed, strlen(typed), w->address);
    if (!query_text(&f->rq, "channel", w->channel, sizeof w->channel) ||
        (strcmp(w->channel, "mail") != 0 && strcmp(w->channel, "webhook") != 0))
        return "Please choose mail or webhook.";
    if (!query_text(&f->rq, "target", w->target, sizeof w->target) ||
        !(w->channel[0] == 'm' ? is_mail(w->target) : is_url(w->target)))
        return w->channel[0] == 'm' ? "This is no mail address." : "A webhook begins with https://";
    if (!read_events(f, w->events, sizeof w->events))
        return "Please choose at least one kind of event.";
    return NULL;
}

void notify_subscribe(struct service *s, const struct request *rq, struct reply *reply)
{
    static const char sql[] = "INSERT INTO notify_subscription (id, network, address, channel, "
                              "target, events) VALUES (?, ?, ?, ?, ?, ?)";
    struct wish w = {.net = &s->networks[0]};
    char id_text[UUID_TEXT_LEN + 1];
    struct form f;
    struct uuid id;

    if (!may_go_on(s, rq, reply, true))
        return;
    form_read(&f, rq);
    const char *wrong = read_wish(s, &f, &w);
    struct site p = page_of(s, rq, reply, w.net);

    if (wrong) {
        say(&p, 400, "This cannot be right", wrong);
        return;
    }
    uuid_v7(&id);
    uuid_format(&id, id_text);
    if (add_row(&p, sql,
                PARAMS(DB_TEXT(id_text), DB_TEXT(w.net->name), DB_TEXT(w.address),
                       DB_TEXT(w.channel), DB_TEXT(w.target), DB_TEXT(w.events))))
        say(&p, 200, "One more step",
            "If the pool knows this miner, a message with a link is on its way. Messages begin "
            "once "
            "the link's page was confirmed. If none comes, there were too many wishes for this "
            "address today.");
}

/* --- an answer --- */

/* In the body or, for a mail program's one click, behind the '?'. */
static bool read_token(const struct request *rq, const struct form *f, char out[TOKEN_LEN + 1])
{
    return ((query_text(&f->rq, "token", out, TOKEN_LEN + 1) && out[0]) ||
            query_text(rq, "token", out, TOKEN_LEN + 1)) &&
           strlen(out) == TOKEN_LEN && strspn(out, "0123456789abcdef") == TOKEN_LEN;
}

struct question {
    const char *kind, *title, *text, *button, *done;
};

static void ask(struct site *p, const struct question *q, const char *token)
{
    page_plain_begin(p, 200, q->title);
    html_raw(&p->h, "<p class=\"lead\">");
    html_text(&p->h, q->text);
    html_raw(&p->h, "</p>\n<form method=\"post\" action=\"/notify/");
    html_text(&p->h, q->kind);
    html_raw(&p->h, "\">\n<input type=\"hidden\" name=\"token\" value=\"");
    html_text(&p->h, token);
    html_raw(&p->h, "\">\n<button type=\"submit\">");
    html_text(&p->h, q->button);
    html_raw(&p->h, "</button>\n</form>\n");
    page_bottom(p);
}

static void answer(struct service *s, const struct request *rq, struct reply *reply,
                   const struct question *q)
{
    static const char sql[] = "INSERT INTO notify_answer (token_hash, kind) VALUES (?, ?)";
    bool does = strcmp(request_method(rq), "POST") == 0;
    struct site p = page_of(s, rq, reply, &s->networks[0]);
    char token[TOKEN_LEN + 1] = "";
    uint8_t hash[SHA256_DIGEST_LENGTH];
    struct form f;

    if (!may_go_on(s, rq, reply, does))
        return;
    form_read(&f, rq);
    if (!read_token(rq, &f, token)) {
        say(&p, 400, "This cannot be right",
            "The link is not whole: please copy all of it from the message.");
        return;
    }
    if (!does) {
        ask(&p, q, token);
        return;
    }
    SHA256((const uint8_t *)token, TOKEN_LEN, hash);
    if (add_row(&p, sql, PARAMS(DB_BYTES(hash, sizeof hash), DB_TEXT(q->kind))))
        say(&p, 200, q->title, q->done);
}

void notify_confirm(struct service *s, const struct request *rq, struct reply *reply)
{
    static const struct question q = {
        "confirm", "Messages from the pool",
        "Do you want the pool to send you messages about this miner? Each has a link to stop them.",
        "Yes, send them", "Thank you. Messages begin within some minutes."};

    answer(s, rq, reply, &q);
}

void notify_stop(struct service *s, const struct request *rq, struct reply *reply)
{
    static const struct question q = {
        "stop", "No more messages", "Shall the pool send you no more messages about this miner?",
        "No more messages", "No further messages will be sent after the next minutes."};

    answer(s, rq, reply, &q);
}
