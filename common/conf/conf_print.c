/* What people read of a schema: the example file and --help. */
#include "common/conf/conf-private.h"

#include <string.h>

enum { WIDTH = 100 };

/* TEXT as comment lines no wider than WIDTH. */
static void print_comment(const char *text, FILE *out)
{
    int column = fprintf(out, "#");

    for (const char *p = text; *p; p += strspn(p, " ")) {
        int word = (int)strcspn(p, " ");

        if (column + 1 + word > WIDTH)
            column = fprintf(out, "\n#") - 1;
        column += fprintf(out, " %.*s", word, p);
        p += word;
    }
    fputc('\n', out);
}

static void print_example_setting(const struct conf_setting *s, FILE *out)
{
    char range[CONF_WHY_MAX], text[4 * CONF_WHY_MAX];
    bool show_example = s->example && (!s->deflt || !*s->deflt);

    conf_value_describe(s, range, sizeof(range));
    snprintf(text, sizeof(text), "%s (%s; %s)", s->text, range,
             !s->deflt   ? "must be given"
             : *s->deflt ? "default as shown"
                         : "default: none");
    fputc('\n', out);
    print_comment(text, out);
    const char *value = show_example ? s->example : s->deflt ? s->deflt : "";
    fprintf(out, "%s%s =%s%s\n", s->deflt ? "#" : "", s->name, *value ? " " : "", value);
}

void conf_print_example(const struct conf_schema *schema, FILE *out)
{
    char head[4 * CONF_WHY_MAX];

    snprintf(head, sizeof(head),
             "Settings of %s: %s Lines that start with '#' are comments; a setting that is "
             "commented out has the value shown, unless the text says otherwise.",
             schema->program, schema->text);
    print_comment(head, out);
    for (size_t i = 0; schema->sections[i]; i++) {
        const struct conf_section *section = schema->sections[i];

        fputc('\n', out);
        print_comment(section->text, out);
        if (section->repeated)
            print_comment("May be given several times, each with a name of its own.", out);
        fprintf(out, "[%s%s]\n", section->name, section->repeated ? " example" : "");
        for (const struct conf_setting *s = conf_next(section->settings); s->name;
             s = conf_next(s + 1))
            print_example_setting(s, out);
    }
}

struct widths {
    int name, range, deflt;
};

static const char *default_text(const struct conf_setting *s)
{
    return !s->deflt ? "(must be given)" : *s->deflt ? s->deflt : "(none)";
}

static void widen(int *width, const char *text)
{
    if ((int)strlen(text) > *width)
        *width = (int)strlen(text);
}

static struct widths measure(const struct conf_section *section)
{
    struct widths w = {0, 0, 0};
    char range[CONF_WHY_MAX];

    for (const struct conf_setting *s = conf_next(section->settings); s->name;
         s = conf_next(s + 1)) {
        conf_value_describe(s, range, sizeof(range));
        widen(&w.name, s->name);
        widen(&w.range, range);
        widen(&w.deflt, default_text(s));
    }
    return w;
}

void conf_print_help(const struct conf_schema *schema, FILE *out)
{
    char range[CONF_WHY_MAX];

    for (size_t i = 0; schema->sections[i]; i++) {
        const struct conf_section *section = schema->sections[i];
        const struct widths w = measure(section);

        fprintf(out, "%s[%s%s]  %s\n", i ? "\n" : "", section->name,
                section->repeated ? " LABEL" : "", section->text);
        for (const struct conf_setting *s = conf_next(section->settings); s->name;
             s = conf_next(s + 1)) {
            conf_value_describe(s, range, sizeof(range));
            fprintf(out, "  %-*s  %-*s  %-*s  %s\n", w.name, s->name, w.range, range, w.deflt,
                    default_text(s), s->text);
        }
    }
}
