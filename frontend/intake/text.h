/* Text from outside: bounded, and made harmless for where it goes. */
#ifndef PENSTOCK_FRONTEND_INTAKE_TEXT_H
#define PENSTOCK_FRONTEND_INTAKE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define ECHO_MAX_BYTES 64

/* What of TEXT may be shown to its sender again: its first 64 bytes, without '<', '>', '&' and
 * control characters. */
void text_echo(const char *text, size_t len, char out[ECHO_MAX_BYTES + 1]);

/* Copies as much of TEXT as fits MAX_CHARS characters and OUT_SIZE bytes with the NUL, whole
 * characters only; each byte that is not UTF-8 and each control character becomes a '?'. */
void text_tidy(const char *text, size_t max_chars, char *out, size_t out_size);

/* Is TEXT valid UTF-8 without control characters? *RET_CHARS is the number of characters. */
bool text_is_clean(const char *text, size_t len, size_t *ret_chars);

#endif
