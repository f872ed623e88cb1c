/*
 * audit: do the books hold, and does the wallet have what they say?
 *
 * It changes nothing but for its own row in audit_run; a difference also freezes the payouts of the
 * network, with the reason. Whatever the instruction at which it is killed, the next run says the
 * same again. What cannot be judged at the moment (a wallet away, a payment on its way) is no
 * difference, and freezes nothing.
 */
#include "backend/task/audit.h"

#include "backend/ledger/freeze.h"
#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 60000 /* column audit_run.detail */

enum outcome { CLEAN, INCOMPLETE, DIFFERENCE };
static const char *const outcome_names[] = {"clean", "incomplete", "difference"}; /* as in SQL */

void audit_wait(struct audit *a, const char *format, ...)
{
    va_list args;

    if (a->waiting[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(a->waiting, sizeof(a->waiting), format, args);
    va_end(args);
}

static enum outcome outcome_of(const struct audit *a)
{
    return findings_count(&a->findings) > 0 ? DIFFERENCE
           : a->waiting[0] != '\0'          ? INCOMPLETE
                                            : CLEAN;
}

/* --- reporting --- */

static enum db_result record(struct audit *a, const char *detail)
{
    static const char sql[] =
        "INSERT INTO audit_run (network, began_at, outcome, owed, held, detail)"
        " VALUES (?, UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND, ?, ?, ?, ?)";
    int64_t took_us = (clock_mono_ms() - a->began_ms + 1) * 1000;
    struct db_value v[] = {DB_TEXT(a->run->network),
                           DB_INT(took_us),
                           DB_TEXT(outcome_names[outcome_of(a)]),
                           DB_INT(a->owed),
                           a->asked ? DB_INT(a->held) : DB_NULL,
                           DB_TEXT(detail)};

    return FAULT_CALL("audit.record", db_exec(a->run->db, sql, v, 6, NULL), DB_UNCERTAIN,
                      DB_UNAVAILABLE);
}

/* First of all the payouts stop; only then is there time to write it down. */
static enum db_result freeze(struct audit *a)
{
    char reason[200];
    const json_t *first = json_array_get(a->findings.list, 0);

    snprintf(reason, sizeof(reason), "audit: %zu %s; %s: %.150s", findings_count(&a->findings),
             findings_count(&a->findings) == 1 ? "difference" : "differences",
             json_string_value(json_object_get(first, "check")),
             json_string_value(json_object_get(first, "text")));
    return freeze_set(a->run->db, a->run->network, "", reason);
}

static enum task_result store(struct audit *a)
{
    char *detail = findings_text(&a->findings, TEXT_MAX);
    enum db_result r = DB_OK;

    if (a->run->options->dry_run) {
        free(detail);
        return TASK_DONE;
    }
    if (outcome_of(a) == DIFFERENCE)
        r = freeze(a);
    if (r == DB_OK)
        r = record(a, outcome_of(a) == INCOMPLETE ? a->waiting : detail);
    free(detail);
    return task_db(a->run, r, "the audit's result");
}

/* Amounts are text: many readers round a large number. */
static json_t *amount(bool known, int64_t n)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64, n);
    return known ? json_string(text) : json_null();
}

static void print_json(const struct audit *a)
{
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:s, s:O}", "network", a->run->network, "outcome",
                  outcome_names[outcome_of(a)], "owed", amount(true, a->owed), "held",
                  amount(a->asked, a->held), "due", amount(a->asked, a->due), "payouts",
                  (json_int_t)a->payouts, "waiting", a->waiting, "differences", a->findings.list);

    json_dumpf(json, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(json);
}

static void log_differences(const struct audit *a)
{
    for (size_t i = 0; i < json_array_size(a->findings.list); i++) {
        const json_t *item = json_array_get(a->findings.list, i);

        log_error("audit.difference", LOG_STR("network", a->run->network),
                  LOG_STR("check", json_string_value(json_object_get(item, "check"))),
                  LOG_STR("what", json_string_value(json_object_get(item, "text"))));
    }
}

/* One line for monitoring, and what the run comes to. */
static enum task_result say(struct audit *a)
{
    size_t n = findings_count(&a->findings);
    const json_t *first = json_array_get(a->findings.list, 0);
    char held[80] = "the wallet was not asked";

    if (a->asked)
        snprintf(held, sizeof(held), "the wallet holds %" PRId64 " of %" PRId64 " due", a->held,
                 a->due);
    switch (outcome_of(a)) {
    case CLEAN:
        task_say(a->run, "clean; owed %" PRId64 ", %s", a->owed, held);
        return TASK_DONE;
    case INCOMPLETE:
        task_say(a->run, "incomplete; owed %" PRId64 ", %s", a->owed, held);
        return task_wait(a->run, "%s", a->waiting);
    case DIFFERENCE:
        break;
    }
    log_differences(a);
    task_say(a->run, "%zu %s; owed %" PRId64 ", %s; %s%s", n, n == 1 ? "difference" : "differences",
             a->owed, held, a->run->options->dry_run ? "" : "payouts are frozen; ",
             json_string_value(json_object_get(first, "text")));
    return TASK_FAILED;
}

/* --- the run --- */

static enum task_result examine(struct audit *a)
{
    enum db_result r = books_owed(a->run->db, a->run->network, &a->owed);

    if (r == DB_OK)
        r = books_check(a->run->db, a->run->network, &a->findings);
    if (r == DB_OK)
        r = audit_wallet(a);
    return task_db(a->run, r, "reading the books");
}

static enum task_result run_audit(struct task_run *run)
{
    struct audit a = {.run = run, .findings = findings_new(), .began_ms = clock_mono_ms()};
    enum task_result result = examine(&a), stored;

    if (result == TASK_DONE) {
        stored = store(&a);
        if (run->options->json)
            print_json(&a);
        result = say(&a);
        result = stored > result ? stored : result;
    }
    findings_free(&a.findings);
    return result;
}

const struct task audit_task = {
    .name = "audit",
    .text = "check the books, and the wallet and the chain against them",
    .flags = TASK_NEEDS_CHAIN | TASK_TAKES_JSON,
    .run = run_audit,
};
