/* Reading a settings file into the program's struct. */
#include "common/base/mem.h"
#include "common/conf/conf-private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct loader {
    const struct conf_schema *schema;
    struct conf_report *report;
    void *conf;
    int section_line[CONF_SECTIONS_MAX]; /* where a section was opened last; 0: not yet */

    bool passing_over;                  /* a section that is not ours */
    const struct conf_section *section; /* the open one, or NULL */
    void *item;                         /* its struct */
    int item_line;
    char title[CONF_TITLE_MAX];   /* "[name]" or "[name label]" */
    int given[CONF_SETTINGS_MAX]; /* the line that gave each of its settings; 0: none yet */
};

size_t conf_count_sections(const struct conf_schema *schema)
{
    size_t n = 0;

    while (schema->sections[n])
        n++;
    assert(n <= CONF_SECTIONS_MAX);
    return n;
}

size_t conf_count_settings(const struct conf_section *section)
{
    size_t n = 0;

    while (section->settings[n].name)
        n++;
    assert(n <= CONF_SETTINGS_MAX);
    return n;
}

static const char *section_name(const void *schema, size_t i)
{
    return ((const struct conf_schema *)schema)->sections[i]->name;
}

static const char *setting_name(const void *section, size_t i)
{
    return ((const struct conf_section *)section)->settings[i].name;
}

/* The index of TEXT, or N. */
static size_t find_name(const char *text, conf_name_fn *name, const void *list, size_t n)
{
    size_t i = 0;

    while (i < n && strcmp(text, name(list, i)) != 0)
        i++;
    return i;
}

/* Says that NAME is unknown, and which of the N names of LIST may be meant. */
static bool fail_unknown(struct loader *l, int line, const char *what, conf_name_fn *name_of,
                         const void *list, size_t n, const char *name)
{
    const char *near = conf_nearest(name, name_of, list, n);

    if (near)
        return conf_fail(l->report, line, "%s: unknown; did you mean \"%s\"?", what, near);
    return conf_fail(l->report, line, "%s: unknown; --help lists what there is", what);
}

static void open_section(struct loader *l, const struct conf_section *section, void *item, int line)
{
    l->section = section;
    l->item = item;
    l->item_line = line;
    memset(l->given, 0, sizeof(l->given));
    if (section->repeated)
        snprintf(l->title, sizeof(l->title), "[%s %s]", section->name, *(char **)item);
    else
        snprintf(l->title, sizeof(l->title), "[%s]", section->name);
}

/* Gives the settings that the file did not name their defaults. */
static bool close_section(struct loader *l)
{
    const struct conf_section *section = l->section;
    char why[CONF_WHY_MAX];

    if (!section)
        return true;
    l->section = NULL;
    for (const struct conf_setting *s = section->settings; s->name; s++) {
        if (l->given[s - section->settings] || s->retired)
            continue;
        if (!s->deflt)
            return conf_fail(l->report, l->item_line, "%s %s: missing; add \"%s = %s\"", l->title,
                             s->name, s->name, s->example ? s->example : "...");
        bool usable = conf_value_parse(s, s->deflt, l->item, why);
        assert(usable); /* or the schema is wrong */
        (void)usable;
    }
    return true;
}

static bool label_ok(const char *label)
{
    size_t len = strlen(label);

    return len >= 1 && len <= CONF_LABEL_MAX &&
           strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* A new item of a section that may repeat. NULL after a failure. */
static void *add_item(struct loader *l, int line, const struct conf_section *section,
                      const char *label)
{
    struct conf_list *list = (void *)((char *)l->conf + section->offset);

    for (size_t i = 0; i < list->n; i++) {
        const char *other = *(char **)((char *)list->item + i * section->item_size);

        if (strcmp(label, other) == 0) {
            conf_fail(l->report, line, "[%s %s]: given twice; merge the two", section->name, label);
            return NULL;
        }
    }
    if (list->n == CONF_ITEMS_MAX) {
        conf_fail(l->report, line, "[%s %s]: more than %d of these; use fewer", section->name,
                  label, CONF_ITEMS_MAX);
        return NULL;
    }
    list->item = mem_resize(list->item, list->n + 1, section->item_size);
    void *item = (char *)list->item + list->n++ * section->item_size;
    memset(item, 0, section->item_size);
    *(char **)item = mem_strdup(label);
    return item;
}

/* Whether section I of the schema may stand at LINE, with LABEL ("" for none). */
static bool section_fits(struct loader *l, int line, size_t i, const char *label)
{
    const struct conf_section *section = l->schema->sections[i];
    const char *name = section->name;

    if (section->repeated && !label_ok(label))
        return conf_fail(l->report, line,
                         "[%s%s%.60s]: no usable label; write [%s LABEL], the label of a-z, 0-9 "
                         "and '-', at most %d characters",
                         name, *label ? " " : "", label, name, CONF_LABEL_MAX);
    if (!section->repeated && *label)
        return conf_fail(l->report, line, "[%s %.60s]: takes no label; write [%s]", name, label,
                         name);
    if (!section->repeated && l->section_line[i])
        return conf_fail(l->report, line, "[%s]: given twice, first on line %d; merge the two",
                         name, l->section_line[i]);
    return true;
}

static bool on_section(void *ctx, int line, const char *name, const char *label)
{
    struct loader *l = ctx;
    size_t n = conf_count_sections(l->schema);
    size_t i = find_name(name, section_name, l->schema, n);
    char what[CONF_WHY_MAX];

    l->passing_over = i == n && l->schema->partial;
    if (l->passing_over)
        return close_section(l);
    if (i == n) {
        snprintf(what, sizeof(what), "[%.60s]", name);
        return fail_unknown(l, line, what, section_name, l->schema, n, name);
    }
    if (!close_section(l) || !section_fits(l, line, i, label))
        return false;
    const struct conf_section *section = l->schema->sections[i];
    void *item =
        section->repeated ? add_item(l, line, section, label) : (char *)l->conf + section->offset;
    if (!item)
        return false;
    l->section_line[i] = line;
    open_section(l, section, item, line);
    return true;
}

static bool on_setting(void *ctx, int line, const char *name, const char *value)
{
    struct loader *l = ctx;
    char what[CONF_WHY_MAX], why[CONF_WHY_MAX];

    if (l->passing_over)
        return true;
    if (!l->section)
        return conf_fail(l->report, line, "%.60s: before the first section; move it into one",
                         name);
    snprintf(what, sizeof(what), "%s %.60s", l->title, name);
    size_t n = conf_count_settings(l->section);
    size_t i = find_name(name, setting_name, l->section, n);
    if (i == n)
        return fail_unknown(l, line, what, setting_name, l->section, n, name);
    if (l->given[i])
        return conf_fail(l->report, line, "%s: given twice, first on line %d; remove one", what,
                         l->given[i]);
    l->given[i] = line;
    if (l->section->settings[i].retired) {
        fprintf(stderr, "%s:%d: %s: no longer a setting (%s); remove the line\n", l->report->path,
                line, what, l->section->settings[i].retired);
        return true;
    }
    if (!conf_value_parse(&l->section->settings[i], value, l->item, why))
        return conf_fail(l->report, line, "%s: %s", what, why);
    return true;
}

/* Sections that the file does not have consist of defaults; those that may repeat, of no items. */
static void finish(struct loader *l, int last_line)
{
    bool ok = close_section(l);

    for (size_t i = 0; ok && l->schema->sections[i]; i++) {
        const struct conf_section *section = l->schema->sections[i];

        if (section->repeated || l->section_line[i])
            continue;
        open_section(l, section, (char *)l->conf + section->offset, last_line);
        ok = close_section(l);
    }
    char *why = ok && l->schema->check ? l->schema->check(l->conf) : NULL;
    if (why)
        conf_fail(l->report, 0, "%s", why);
    free(why);
}

void *conf_load(const struct conf_schema *schema, const char *path, char *err, size_t err_size)
{
    struct conf_report report = {.path = path, .err = err, .err_size = err_size};
    struct loader l = {.schema = schema, .report = &report, .conf = mem_zalloc(schema->size)};
    struct conf_sink sink = {on_section, on_setting, &l};

    assert(err_size > 0);
    int last_line = conf_file_read(&sink, &report);
    if (!report.failed)
        finish(&l, last_line);
    if (!report.failed)
        return l.conf;
    conf_free(schema, l.conf);
    return NULL;
}

static void free_item(const struct conf_section *section, void *item)
{
    for (const struct conf_setting *s = section->settings; s->name; s++)
        if (!s->retired)
            conf_value_free(s, item);
}

static void free_list(const struct conf_section *section, struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        void *item = (char *)list->item + i * section->item_size;

        free_item(section, item);
        free(*(char **)item);
    }
    free(list->item);
}

void conf_free(const struct conf_schema *schema, void *conf)
{
    if (!conf)
        return;
    for (size_t i = 0; schema->sections[i]; i++) {
        const struct conf_section *section = schema->sections[i];
        void *member = (char *)conf + section->offset;

        if (section->repeated)
            free_list(section, member);
        else
            free_item(section, member);
    }
    free(conf);
}
