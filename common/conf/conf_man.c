/* The settings part of a manual page, from the schema. */
#include "common/conf/conf-private.h"

#include <string.h>

enum { LONG_WORD = 32 };

/* TEXT as troff reads it: a plain '-' would become a hyphen that cannot be searched for or copied,
 * a line that starts with '.' or '\'' would be a request, and hashes need a place to be broken at.
 */
static void print_text(const char *text, FILE *out)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (size_t word = 0; *text; text++) {
        word = *text == ' ' ? 0 : word + 1;
        if (word > LONG_WORD && word % LONG_WORD == 1)
            fputs("\\:", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
    }
}

static void print_line(const char *text, FILE *out)
{
    print_text(text, out);
    fputc('\n', out);
}

static void print_setting(const struct conf_setting *s, FILE *out)
{
    char range[CONF_WHY_MAX];

    conf_value_describe(s, range, sizeof(range));
    fputs(".TP\n.B ", out);
    print_line(s->name, out);
    print_line(s->text, out);
    fputs(".br\nValue: ", out);
    print_line(range, out);
    fputs(s->deflt ? ".br\nDefault: " : ".br\nMust be given", out);
    print_line(!s->deflt ? "" : *s->deflt ? s->deflt : "none", out);
}

void conf_print_man(const struct conf_schema *schema, FILE *out)
{
    for (size_t i = 0; schema->sections[i]; i++) {
        const struct conf_section *section = schema->sections[i];

        fprintf(out, ".SS [%s%s]\n", section->name, section->repeated ? " NAME" : "");
        print_line(section->text, out);
        if (section->repeated)
            print_line("May be given several times, each with a name of its own.", out);
        for (const struct conf_setting *s = conf_next(section->settings); s->name;
             s = conf_next(s + 1))
            print_setting(s, out);
    }
}
