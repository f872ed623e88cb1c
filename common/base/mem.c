#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *mem_resize(void *p, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        abort();
    return checked(realloc(p, bytes ? bytes : 1));
}

char *mem_strdup(const char *s)
{
    return checked(strdup(s));
}

char *mem_strndup(const char *s, size_t max)
{
    return checked(strndup(s, max));
}

char *mem_sprintf(const char *format, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    return text;
}
