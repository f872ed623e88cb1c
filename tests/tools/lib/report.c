#include "tests/tools/lib/report.h"

#include "common/base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static bool json_lines;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void report_init(bool as_json)
{
    json_lines = as_json;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

static void print_text(const char *event, json_t *fields)
{
    time_t now = (time_t)(clock_real_us() / 1000000);
    struct tm utc;
    char stamp[32];
    const char *key;
    json_t *value;

    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    printf("%s %s", stamp, event);
    json_object_foreach(fields, key, value)
    {
        char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        printf(" %s=%s", key, text ? text : json_string_value(value));
        free(text);
    }
    putchar('\n');
}

static void print_json(const char *event, json_t *fields)
{
    json_t *line =
        json_pack("{s:s, s:I}", "event", event, "time_ms", (json_int_t)(clock_real_us() / 1000));
    json_object_update(line, fields);
    json_dumpf(line, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(line);
}

void report(const char *event, json_t *fields)
{
    pthread_mutex_lock(&lock);
    if (json_lines)
        print_json(event, fields);
    else
        print_text(event, fields);
    pthread_mutex_unlock(&lock);
    json_decref(fields);
}
