/*
 * The wallets of one network as sources of block templates: which one is asked, and when there may
 * be something new.
 *
 * Three ways tell of a new block, each of which suffices: a longpoll at the wallet in use, a poke
 * (sources_poke: the wallet's blocknotify), and, as the last resort, its tip as it answers when it
 * is asked whether it is there. A longpoll holds a thread of the wallet until the next block, even
 * after we have gone (wallet.md A.4): there is one at a time, and it is not given up for another
 * wallet's sake, only with a wallet that does not answer.
 *
 * In use is the first, in the order of priority, that is fit: it answers, is not in initial
 * download, gives templates (-9: no peers, -10: no recent tip), and has not been more than one
 * block behind another fit one for some seconds. All are asked again and again, so the first takes
 * over as soon as it is fit again.
 */
#ifndef PENSTOCK_BACKEND_JOB_SOURCES_H
#define PENSTOCK_BACKEND_JOB_SOURCES_H

#include "backend/conf/settings.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sources;

/* Reads password files; connects to nothing. NULL, with a reason in ERR. CONF must outlive it. */
struct sources *sources_open(const struct backend_conf *conf, const struct backend_network *net,
                             char *err, size_t err_size);
void sources_close(struct sources **s); /* stopped, or never started */

/* Two threads a wallet; calls under way are ended by stopping. */
void sources_start(struct sources *s);
void sources_stop(struct sources *s);

/* Somebody says that there is a new block. From any thread, at any time; many at once count as one.
 */
void sources_poke(struct sources *s);
/* Ends sources_wait() at once; from any thread. */
void sources_wake(struct sources *s);

/* Waits until something may be new, at most TIMEOUT_MS; true when it may. *RET is the template that
 * a longpoll brought, the caller's, with the WALLET it is from; NULL: to be fetched. */
bool sources_wait(struct sources *s, int64_t timeout_ms, json_t **ret, size_t *ret_wallet);

/* A template of the wallet in use. False when there is none or it gives none (sources_problem). */
bool sources_fetch(struct sources *s, json_t **ret, size_t *ret_wallet);

/* What became of a template of WALLET's: usable, for a block of HEIGHT, or not, and WHY. */
void sources_used(struct sources *s, size_t wallet, int64_t height);
void sources_refused(struct sources *s, size_t wallet, const char *why);

/* Whether another fit wallet than WALLET has at least HEIGHT blocks. */
bool sources_other_has(struct sources *s, size_t wallet, int64_t height);

/* "" while a wallet is in use; else why none is. */
void sources_problem(struct sources *s, char *to, size_t size);
const char *sources_label(const struct sources *s, size_t wallet);

/* --- the choice by itself --- */

#define SOURCE_LAG_MS 3000 /* how long a wallet may be behind */

struct source_view {
    bool fit;
    int64_t height;    /* of its tip; -1: not known yet */
    int64_t behind_ms; /* for how long it has been more than one block behind; 0: it is not */
};

/* The index of the first of VIEW, which are in the order of priority, to be used; N: none. */
size_t sources_choose(const struct source_view *view, size_t n);

#endif
