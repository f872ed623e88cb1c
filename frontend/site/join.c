/* /NETWORK/howtojoin/: what to type in, for each kind of miner that the network's settings name. */
#include "frontend/site/page.h"

#include <stdio.h>
#include <string.h>

struct join {
    struct site *p;
    char url[256];
};

/* As the browser asked for it: of a host's characters, else the reader has to know. */
static void url_of_request(const struct request *rq, char *out, size_t size)
{
    const char *host = request_header(rq, "Host"), *https = request_variable(rq, "HTTPS");
    size_t len = host ? strlen(host) : 0;

    if (len == 0 || len > 200 ||
        strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]") != len)
        snprintf(out, size, "https://THIS-POOL");
    else
        snprintf(out, size, "http%s://%s", https && strcmp(https, "on") == 0 ? "s" : "", host);
}

static void write_identity(struct html *h)
{
    html_raw(h, "<var>YOUR-ADDRESS</var>/<var>WORKER</var>");
}

/* As HTTP's user and password. */
static void write_user(struct html *h)
{
    html_raw(h, "<var>YOUR-ADDRESS</var>.<var>WORKER</var>:x");
}

static void write_network_url(struct join *j)
{
    html_text(&j->p->h, j->url);
    html_raw(&j->p->h, "/");
    html_text(&j->p->h, j->p->net->name);
    html_raw(&j->p->h, "/");
}

static void write_action(struct join *j)
{
    struct html *h = &j->p->h;

    html_raw(h, "<section aria-labelledby=\"action\">\n<h2 id=\"action\">Action miner</h2>\n"
                "<p>It asks your own node for blocks and hands its solutions to the pool. "
                "In one line:</p>\n<pre><code>action-miner --url ");
    html_text(h, j->url);
    html_raw(h, " --network ");
    html_text(h, j->p->net->name);
    html_raw(h, " --miner ");
    write_identity(h);
    html_raw(h, " --node-url http://127.0.0.1:<var>PORT</var> --node-user <var>USER</var> "
                "--node-password-file <var>FILE</var></code></pre>\n");
    html_raw(h, "<p>The node has to run with its JSON-RPC server on (<code>server=1</code>); its "
                "user and password are those of <code>rpcuser</code> and <code>rpcpassword</code>. "
                "Your node assembles the block, so its fees and rules are yours to choose; the "
                "block has to pay to the pool's address, which the miner sees to.</p>\n"
                "<p>action-miner is a part of Penstock, the pool's own software: in its source, "
                "<code>make install-miner</code>.</p>\n</section>\n");
}

static void write_biblepay(struct join *j)
{
    struct html *h = &j->p->h;

    html_raw(h, "<section aria-labelledby=\"biblepay\">\n<h2 id=\"biblepay\">BiblePay wallet</h2>\n"
                "<p>The wallet has a miner of its own. Add these lines to its "
                "<code>biblepay.conf</code>, and start it again:</p>\n<pre><code>pool=");
    html_text(h, j->url);
    html_raw(h, "\nworkerid=");
    write_identity(h);
    html_raw(h, "\ngen=1\ngenproclimit=<var>THREADS</var></code></pre>\n"
                "<p>With the wallet running, the same by hand, in its console:</p>\n"
                "<pre><code>setgenerate true <var>THREADS</var></code></pre>\n</section>\n");
}

/* Both take the URL as it is, with or without TLS. */
static void write_getwork(struct join *j)
{
    static const char *const algorithms[] = {"scrypt", "sha256d"};
    struct html *h = &j->p->h;
    const char *algorithm = algorithms[j->p->net->conf->algorithm];

    html_raw(h,
             "<section aria-labelledby=\"getwork\">\n<h2 id=\"getwork\">minerd and "
             "cpuminer-multi</h2>\n<p>They need no node: the pool makes the blocks. In one line, "
             "with <a href=\"https://github.com/pooler/cpuminer\">minerd</a>:</p>\n"
             "<pre><code>minerd --algo=");
    html_text(h, algorithm);
    html_raw(h, " --url=");
    write_network_url(j);
    html_raw(h, " --userpass=");
    write_user(h);
    html_raw(h, "</code></pre>\n<p>or with <a href=\"https://github.com/tpruvot/cpuminer-multi\">"
                "cpuminer-multi</a>:</p>\n<pre><code>cpuminer --algo=");
    html_text(h, algorithm);
    html_raw(h, " --url=");
    write_network_url(j);
    html_raw(h, " --userpass=");
    write_user(h);
    html_raw(h, "</code></pre>\n<p>Shares become harder by themselves the faster you are. The "
                "password may ask for a difficulty of its own: <code>d=<var>NUMBER</var></code>; "
                "anything else in it, such as <code>x</code>, says nothing.</p>\n</section>\n");
}

static void (*const kinds[])(struct join *) = {
    [MINER_ACTION] = write_action,
    [MINER_BIBLEPAY] = write_biblepay,
    [MINER_GETWORK] = write_getwork,
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void write_kinds(struct join *j)
{
    const struct conf_words *miners = &j->p->net->conf->miners;

    for (size_t i = 0; i < miners->n; i++)
        for (size_t kind = 0; kind < KINDS; kind++)
            if (strcmp(miners->word[i], frontend_miner_names[kind]) == 0)
                kinds[kind](j);
    if (miners->n == 0)
        html_raw(&j->p->h, "<p class=\"empty\">The pool's operator has written no instructions "
                           "for this network.</p>\n");
}

static void write_facts(struct join *j)
{
    struct html *h = &j->p->h;
    const struct network *net = j->p->net;

    html_raw(h, "<dl class=\"facts\">\n<div><dt>Pool</dt><dd><code>");
    html_text(h, j->url);
    html_raw(h, "</code></dd></div>\n<div><dt>NetworkID</dt><dd><code>");
    html_text(h, net->name);
    html_raw(h, "</code>");
    for (size_t i = 0; i < net->aliases->n; i++) {
        html_raw(h, " or <code>");
        html_text(h, net->aliases->word[i]);
        html_raw(h, "</code>");
    }
    html_raw(h, "</dd></div>\n<div><dt>Blocks pay to</dt><dd><code class=\"long\">");
    html_text(h, net->pool_address);
    html_raw(h, "</code></dd></div>\n</dl>\n");
}

void site_join(struct service *s, const struct request *rq, struct reply *reply)
{
    struct site p;

    if (!site_begin(&p, 0, s, rq, reply))
        return;
    struct join j = {.p = &p};
    bool known = *s->conf->site.url;
    if (known)
        snprintf(j.url, sizeof j.url, "%s", s->conf->site.url);
    else
        url_of_request(rq, j.url, sizeof j.url);
    page_top(&p, TAB_JOIN, "How to join");
    html_raw(&p.h, "<p class=\"lead\">There is nothing to sign up for. Give your miner the pool's "
                   "address on the web and an address of yours, to which you are paid.</p>\n");
    write_facts(&j);
    write_kinds(&j);
    html_raw(
        &p.h,
        "<section aria-labelledby=\"names\">\n<h2 id=\"names\">What the words mean</h2>\n<ul>\n"
        "<li><var>YOUR-ADDRESS</var>: where you want to be paid. Nobody can change it later, "
        "and nobody needs a password.</li>\n"
        "<li><var>WORKER</var>: a name for this machine, up to 64 characters; your page lists "
        "each by itself. Without one it is called <code>Default</code>.</li>\n"
        "<li>Everything in <var>capitals</var> is for you to fill in.</li>\n</ul>\n"
        "<p>A minute after the first share your page shows it:</p>\n");
    page_address_form(&p, NULL);
    html_raw(&p.h, "</section>\n");
    page_bottom(&p);
    site_end(&p, DB_OK);
    if (!known) /* it says what one browser asked for: nobody else's */
        reply->max_age_s = 0;
}
