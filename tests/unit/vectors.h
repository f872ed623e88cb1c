/* Reading tests/vectors/: a file that is missing or of another form ends the test program. */
#ifndef PENSTOCK_TESTS_UNIT_VECTORS_H
#define PENSTOCK_TESTS_UNIT_VECTORS_H

#include "common/base/hex.h"
#include "common/base/mem.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    uint8_t *p;
    size_t len;
};

/* In $PENSTOCK_VECTORS, else beside this folder (as the compiler was told its name). */
static inline json_t *vectors_load(const char *name)
{
    const char *folder = getenv("PENSTOCK_VECTORS");
    json_error_t error;
    char *path = folder
                     ? mem_sprintf("%s/%s", folder, name)
                     : mem_sprintf("%.*s../vectors/%s",
                                   (int)(sizeof(__FILE__) - sizeof("vectors.h")), __FILE__, name);
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

    if (!json) {
        fprintf(stderr, "%s: %s\nRun this from the source's root, or set PENSTOCK_VECTORS.\n", path,
                error.text);
        exit(1);
    }
    free(path);
    return json;
}

static inline const json_t *vectors_member(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);

    if (!member) {
        fprintf(stderr, "vectors: no %s\n", key);
        exit(1);
    }
    return member;
}

static inline const char *vectors_text(const json_t *object, const char *key)
{
    return json_string_value(vectors_member(object, key));
}

/* The element of the list OBJECT.KEY that is called NAME. */
static inline const json_t *vectors_named(const json_t *object, const char *key, const char *name)
{
    const json_t *list = vectors_member(object, key);

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(vectors_text(json_array_get(list, i), "name"), name) == 0)
            return json_array_get(list, i);
    fprintf(stderr, "vectors: no %s in %s\n", name, key);
    exit(1);
}

/* Appends the bytes of HEX. */
static inline void bytes_add_hex(struct bytes *b, const char *hex)
{
    const size_t n = strlen(hex) / 2;

    b->p = mem_resize(b->p, b->len + n, 1);
    if (!hex_decode(hex, strlen(hex), b->p + b->len)) {
        fprintf(stderr, "vectors: no hex: %s\n", hex);
        exit(1);
    }
    b->len += n;
}

static inline struct bytes bytes_from_hex(const char *hex)
{
    struct bytes b = {NULL, 0};

    bytes_add_hex(&b, hex);
    return b;
}

/* For tests that show a parser exactly N bytes: an overrun is then one of the heap. */
static inline uint8_t *bytes_copy(const uint8_t *p, size_t n)
{
    return memcpy(mem_zalloc(n), p, n);
}

#endif
