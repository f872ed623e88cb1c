/*
 * JSON-RPC 1.0/2.0 over HTTP to a wallet (libcurl, jansson).
 *
 * Number tokens with a fraction, an exponent or more than 18 digits are handed out as JSON strings,
 * spelled as the wallet spelled them: no amount ever passes through a double (design rule 2).
 * Redirects are not followed, proxies from the environment are ignored. Not thread-safe, but for
 * rpc_interrupt().
 *
 * A request is sent at most once. (libcurl by itself would send it again when a kept-alive
 * connection dies unanswered; that is prevented, for the first copy may have paid somebody.)
 */
#ifndef PENSTOCK_COMMON_RPC_RPC_H
#define PENSTOCK_COMMON_RPC_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_MAX_DEPTH 64 /* a reply that nests deeper is RPC_MALFORMED */

struct rpc_conf {
    const char *url;  /* http or https, includes the wallet's path, no user or password in it */
    const char *user; /* NULL: no authentication, and no password file */
    const char *password_file;
    int64_t connect_timeout_ms;
    int64_t timeout_ms; /* per call, unless the call says otherwise */
    int64_t max_reply;  /* bytes; a longer reply is RPC_MALFORMED */
};

enum rpc_result {
    RPC_OK,
    RPC_ERROR,       /* the wallet answered with an error: CODE and MESSAGE */
    RPC_UNAVAILABLE, /* not delivered, or refused before it was looked at: down, wrong password,
                        warming up (-28), work queue full. The call had no effect. */
    RPC_UNCERTAIN,   /* delivered, but no complete answer came: it may have had its effect */
    RPC_MALFORMED, /* a complete answer that is no JSON-RPC reply to this call; it may have had its
                      effect */
};

const char *rpc_result_name(enum rpc_result r);

struct rpc_call {
    const char *method;
    json_t *params;          /* array, or NULL for []; borrowed */
    const char *params_text; /* or the array as JSON text; borrowed */
    int64_t timeout_ms;      /* 0: the connection's */
    bool large; /* large reply expected: uses a connection of its own (wallet.md A.7) */

    /* filled in: */
    enum rpc_result result;
    json_t *reply;     /* RPC_OK: the `result` member, owned by the call; may be JSON null */
    int64_t code;      /* RPC_ERROR, and -28 with RPC_UNAVAILABLE; else 0 */
    long http_status;  /* 0 when none came */
    int64_t took_us;   /* the whole request it was part of; 0 when none was made */
    char message[256]; /* the wallet's error text or curl's, printable */
};

struct rpc;

/* Reads the password file; does not connect. NULL, with a reason in ERR. CONF is copied. */
struct rpc *rpc_open(const struct rpc_conf *conf, char *err, size_t err_size);
void rpc_close(struct rpc **rpc);

/* All calls at once, each as an HTTP request of its own, at most 8 in flight; returns when all
 * ended. */
void rpc_perform(struct rpc *rpc, struct rpc_call *calls, size_t n);

/* The same with up to PER_REQUEST calls in each request (JSON-RPC batches, where it is more than
 * one call). A failure of a request is the result of each of its calls. */
void rpc_perform_batched(struct rpc *rpc, struct rpc_call *calls, size_t n, size_t per_request);

/* All calls in one HTTP request (a JSON-RPC batch). A failure of the request is every call's
 * result. */
void rpc_batch(struct rpc *rpc, struct rpc_call *calls, size_t n);

/* From any thread: what is under way ends at once, each call without its answer (RPC_UNCERTAIN, or
 * RPC_UNAVAILABLE if it was not sent); if nothing is, the next one does. For calls that may wait
 * for hours, such as a longpoll. */
void rpc_interrupt(struct rpc *rpc);

/* Frees REPLY of each call. */
void rpc_calls_clear(struct rpc_call *calls, size_t n);

/* The text of a JSON document with its inexact number tokens quoted, as described above; malloc'd.
 * NULL when a string does not end or the nesting exceeds RPC_MAX_DEPTH. The result is valid JSON
 * only if TEXT is. Public for its tests and fuzz target. */
char *rpc_quote_numbers(const char *text, size_t len, size_t *ret_len);

/* Parses a decimal coin amount such as "12.5" to base units with DECIMALS (at most 18) places,
 * exactly. False for anything else: sign, exponent, superfluous zeros in front, too many places,
 * overflow. */
bool rpc_amount(const char *text, unsigned decimals, int64_t *ret);

#endif
