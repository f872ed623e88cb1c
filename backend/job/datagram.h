/*
 * Push-block datagrams (stratum.md 3.5): one line of UDP by which a wallet's blocknotify says that
 * there is a new block, as PowerPool reads them.
 *
 *     COMPONENT METHOD [TOKEN] [OPTION=VALUE]...
 *
 * Only this is taken: a network's name or alias as component, and the methods that the table in
 * datagram.c lists. All they can do is to make a producer ask its wallet; nothing is answered. With
 * a token in the settings, lines without it are ignored. Of more than DATAGRAMS_PER_S in a second
 * the rest is ignored, and many at once are one question.
 */
#ifndef PENSTOCK_BACKEND_JOB_DATAGRAM_H
#define PENSTOCK_BACKEND_JOB_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>

#define DATAGRAM_MAX    512
#define DATAGRAMS_PER_S 100

/* The component, at most DATAGRAM_MAX bytes, when TEXT is a line that means "look for a new block"
 * and, with TOKEN not "", has that token. Else false, and "" in COMPONENT. */
bool datagram_parse(const char *text, size_t len, const char *token,
                    char component[DATAGRAM_MAX + 1]);

struct datagrams;

/* Listens at ADDRESS (HOST:PORT, both numbers, IPv6 in brackets) and calls POKE from a thread of
 * its own for each line taken. NULL, with a reason in ERR. TOKEN is copied. */
struct datagrams *datagrams_open(const char *address, const char *token,
                                 void (*poke)(void *ctx, const char *component), void *ctx,
                                 char *err, size_t err_size);
void datagrams_close(struct datagrams **d); /* safe for NULL */

/* Sends one line; for penstock-poke. NULL, or what went wrong (to be used at once). */
const char *datagram_send(const char *address, const char *line);

#endif
