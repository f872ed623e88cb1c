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

static const struct fault_point *chosen;
static unsigned long chosen_passing;

static void list(void)
{
    for (struct fault_point **p = __start_fault_points; p != __stop_fault_points; p++)
        puts((*p)->name);
    exit(EX_OK);
}

/* A name that does not exist would make a test that cannot fail. */
static void choose(const char *order)
{
    const char *colon = strrchr(order, ':');
    size_t len = colon != NULL ? (size_t)(colon - order) : 0;

    for (struct fault_point **p = __start_fault_points; p != __stop_fault_points; p++)
        if (strlen((*p)->name) == len && strncmp((*p)->name, order, len) == 0)
            chosen = *p;
    chosen_passing = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
    if (chosen != NULL && chosen_passing > 0)
        return;
    fprintf(stderr, "PENSTOCK_FAULT=%s: no such point, or not NAME:N; PENSTOCK_FAULT=list\n",
            order);
    exit(EX_USAGE);
}

/* Before main(), so that no program needs to know. */
__attribute__((constructor)) static void read_order(void)
{
    const char *order = getenv("PENSTOCK_FAULT");

    if (order == NULL)
        return;
    if (strcmp(order, "list") == 0)
        list();
    choose(order);
}

void fault_pass(struct fault_point *point)
{
    if (point == chosen && atomic_fetch_add(&point->passed, 1) + 1 == chosen_passing)
        kill(getpid(), SIGKILL);
}

#endif
