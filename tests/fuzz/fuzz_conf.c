/* Settings files of both tiers: what is no good is refused with file, line and remedy. */
#include "tests/fuzz/fuzz.h"

#include "backend/conf/settings.h"
#include "frontend/conf/settings.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ERR_SIZE 512

static const struct conf_schema *const schemas[] = {&frontend_schema, &backend_schema};

/* One line of printable text that starts with the file's name. */
static void check_message(const char *path, const char *err)
{
    assert(strncmp(err, path, strlen(path)) == 0 && err[strlen(path)] == ':');
    for (const char *p = err; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void check_load(const struct conf_schema *schema, const char *path)
{
    char err[ERR_SIZE] = "", again[ERR_SIZE] = "", tiny[8] = "";
    void *conf = conf_load(schema, path, err, sizeof err);

    if (!conf)
        check_message(path, err);
    else
        assert(*err == '\0');
    if (conf && schema->check) /* what was loaded has passed */
        assert(!schema->check(conf));
    conf_free(schema, conf);

    conf = conf_load(schema, path, again, sizeof again);
    assert(strcmp(err, again) == 0 && (conf != NULL) == (*err == '\0'));
    conf_free(schema, conf);
    conf = conf_load(schema, path, tiny, sizeof tiny);
    assert((conf != NULL) == (*err == '\0'));
    conf_free(schema, conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[32];

    if (file < 0) {
        file = memfd_create("settings", MFD_CLOEXEC);
        assert(file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    assert(ftruncate(file, 0) == 0);
    assert(pwrite(file, data, size, 0) == (ssize_t)size);
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++)
        check_load(schemas[i], path);
    return 0;
}
