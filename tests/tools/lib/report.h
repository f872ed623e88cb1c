/* What a test tool did, on stdout: one line or one JSON object per event. Thread-safe. */
#ifndef PENSTOCK_TESTS_TOOLS_REPORT_H
#define PENSTOCK_TESTS_TOOLS_REPORT_H

#include <jansson.h>
#include <stdbool.h>

void report_init(bool as_json);

/* FIELDS is a flat object; the reference is taken over. May be NULL. */
void report(const char *event, json_t *fields);

#endif
