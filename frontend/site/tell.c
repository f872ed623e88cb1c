/* On a miner's page: the form by which one asks for messages (frontend/notify/notify.h takes it).
 */
#include "frontend/site/page.h"

static void write_hidden(struct site *p, const char *name, const char *value)
{
    html_raw(&p->h, "<input type=\"hidden\" name=\"");
    html_text(&p->h, name);
    html_raw(&p->h, "\" value=\"");
    html_text(&p->h, value);
    html_raw(&p->h, "\">\n");
}

void part_tell(struct site *p)
{
    if (!p->s->conf->site.notify)
        return;
    html_raw(&p->h, "<section aria-labelledby=\"tell\">\n<h2 id=\"tell\">Messages</h2>\n"
                    "<details>\n<summary>Have the pool tell you what happens</summary>\n"
                    "<form class=\"tell\" method=\"post\" action=\"/notify/subscribe\">\n");
    write_hidden(p, "network", p->net->name);
    write_hidden(p, "address", p->address);
    html_raw(
        &p->h,
        "<fieldset>\n<legend>Tell me when</legend>\n"
        "<label><input type=\"checkbox\" name=\"payout\" value=\"1\" checked> I am paid"
        "</label>\n"
        "<label><input type=\"checkbox\" name=\"silent\" value=\"1\" checked> one of my "
        "workers falls silent</label>\n"
        "<label><input type=\"checkbox\" name=\"block\" value=\"1\"> a block is found</label>\n"
        "</fieldset>\n<fieldset>\n<legend>By</legend>\n"
        "<label><input type=\"radio\" name=\"channel\" value=\"mail\" checked> mail</label>\n"
        "<label><input type=\"radio\" name=\"channel\" value=\"webhook\"> webhook</label>\n"
        "</fieldset>\n<label for=\"target\">Mail address, or the webhook's, which begins with "
        "https://</label>\n<div>\n<input id=\"target\" name=\"target\" required "
        "maxlength=\"254\" autocomplete=\"email\" autocapitalize=\"off\" "
        "spellcheck=\"false\">\n<button type=\"submit\">Ask for messages</button>\n</div>\n"
        "<p><small>You get a message with a link first, and nothing more until you have followed "
        "it. Each message has a link that ends them.</small></p>\n"
        "</form>\n</details>\n</section>\n");
}
