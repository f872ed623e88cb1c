/* Memory that is there or the program is not: out of memory aborts. Free with free(). */
#ifndef PENSTOCK_COMMON_BASE_MEM_H
#define PENSTOCK_COMMON_BASE_MEM_H

#include <stddef.h>

void *mem_zalloc(size_t size);                        /* zeroed; SIZE 0 gives a valid pointer */
void *mem_resize(void *p, size_t count, size_t size); /* COUNT * SIZE bytes; overflow aborts */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t max);
char *mem_sprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
