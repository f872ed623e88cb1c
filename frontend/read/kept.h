/*
 * What is the same for all readers, read once for all of them: facts of a network, as structs
 * without pointers, remembered by this process for KEPT_S seconds. So a fact may be that much
 * older than the answer it stands in, and by as much two facts may differ in age; what a reader
 * calls its own (balance, payments) is no such fact.
 *
 * Not thread-safe; time is the caller's. A fact that could not be read is none, whatever was known
 * before: who keeps facts must not seem well while the database is away.
 */
#ifndef PENSTOCK_FRONTEND_READ_KEPT_H
#define PENSTOCK_FRONTEND_READ_KEPT_H

#include "common/db/db.h"

#define KEPT_S 5

struct kept;

struct kept *kept_new(void);
void kept_free(struct kept **k);

/* Reads one fact of NETWORK into RET, which is zeroed. The function's address is the fact's name.
 */
typedef enum db_result kept_read_fn(struct db *db, const char *network, int64_t now_s, void *ret);

/* What READ gives, SIZE bytes (the same at each call), into RET: remembered or, when that is too
 * old or ANEW asks for it, read now. Other than DB_OK: what READ returned; RET holds zeros then. */
enum db_result kept_get(struct kept *k, struct db *db, const char *network, int64_t now_s,
                        bool anew, kept_read_fn *read, size_t size, void *ret);

#endif
