#include "common/base/fault.h"

#ifdef PENSTOCK_FAULTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Made by the linker around the section. NOLINTNEXTLINE(bugprone-reserved-identifier) */
extern struct fault_point *__start_fault_points[], *__stop_fault_points[];

static const char *const kind_names[] = {[FAULT_DIE] = "die",
                                         [FAULT_TIMEOUT] = "timeout",
                                         [FAULT_TWICE] = "twice",
                                         [FAULT_ERROR] = "error"};

static const struct fault_point *chosen;
static unsigned long chosen_passing;
static enum fault_kind chosen_kind;
static const char *trace; /* the file, or NULL */

static void list(bool calls_only)
{
    for (struct fault_point **p = __start_fault_points; p != __stop_fault_points; p++)
        if ((*p)->most > FAULT_DIE || !calls_only)
            puts((*p)->name);
    exit(EX_OK);
}

static const struct fault_point *point_named(const char *name, size_t len)
{
    for (struct fault_point **p = __start_fault_points; p != __stop_fault_points; p++)
        if (strlen((*p)->name) == len && strncmp((*p)->name, name, len) == 0)
            return *p;
    return NULL;
}

static enum fault_kind kind_named(const char *name)
{
    for (enum fault_kind k = FAULT_DIE; k <= FAULT_TWICE; k++)
        if (strcmp(kind_names[k], name) == 0)
            return k;
    return FAULT_NONE;
}

/* A name that does not exist would make a test that cannot fail. */
static void choose(const char *order)
{
    const char *colon = strchr(order, ':');
    char *end = NULL;

    if (colon != NULL) {
        chosen = point_named(order, (size_t)(colon - order));
        chosen_passing = strtoul(colon + 1, &end, 10);
        chosen_kind = *end == ':' ? kind_named(end + 1) : *end == '\0' ? FAULT_DIE : FAULT_NONE;
    }
    if (chosen != NULL && chosen_passing > 0 && chosen_kind != FAULT_NONE &&
        chosen_kind <= chosen->most)
        return;
    fprintf(
        stderr,
        "PENSTOCK_FAULT=%s: no such point, not NAME:N or NAME:N:KIND, or a kind that is not for "
        "this point; PENSTOCK_FAULT=list\n",
        order);
    exit(EX_USAGE);
}

/* One write per line: several programs may share the file. */
static void note(const struct fault_point *point)
{
    FILE *file = fopen(trace, "ae");

    if (file == NULL || fprintf(file, "%s\n", point->name) < 0 || fclose(file) != 0) {
        fprintf(stderr, "PENSTOCK_FAULT=trace:%s: cannot be written\n", trace);
        exit(EX_IOERR);
    }
}

/* Before main(), so that no program needs to know. */
__attribute__((constructor)) static void read_order(void)
{
    const char *order = getenv("PENSTOCK_FAULT");

    if (order == NULL)
        return;
    if (strcmp(order, "list") == 0 || strcmp(order, "list-calls") == 0)
        list(order[4] != '\0');
    if (strncmp(order, "trace:", 6) == 0)
        trace = order + 6;
    else
        choose(order);
}

enum fault_kind fault_enter(struct fault_point *point)
{
    if (trace != NULL && atomic_fetch_add(&point->passed, 1) == 0)
        note(point);
    if (point == chosen && atomic_fetch_add(&point->passed, 1) + 1 == chosen_passing)
        return chosen_kind;
    return FAULT_NONE;
}

void fault_leave(enum fault_kind kind)
{
    if (kind == FAULT_DIE)
        kill(getpid(), SIGKILL);
}

#endif
