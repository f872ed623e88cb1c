/*
 * A call as miners send it: JSON-RPC in the body of a POST.
 *
 * One object {"method":…, "params":[…], "id":…}; batches are refused, as no miner sends any. What
 * is wrong with a call is told by an error (enum call_error, words in call_errors); what is wrong
 * with a share is told by the answer to it, since miners send a share again after an error: a share
 * whose text is no header at all is CALL_OK with FORM = false.
 */
#ifndef PENSTOCK_FRONTEND_GETWORK_CALL_H
#define PENSTOCK_FRONTEND_GETWORK_CALL_H

#include "common/coin/hash.h"

#define CALL_MAX_DEPTH      8
#define CALL_MAX_VALUES     256
#define CALL_MAX_ID         66 /* bytes of JSON; a longer id is answered as null */
#define CALL_MAX_LONGPOLLID 128

enum call_method {
    CALL_GETWORK,      /* getwork without parameters: work is wanted */
    CALL_SUBMIT_WORK,  /* getwork with the data of a share */
    CALL_TEMPLATE,     /* getblocktemplate */
    CALL_PROPOSAL,     /* getblocktemplate, mode "proposal" */
    CALL_SUBMIT_BLOCK, /* submitblock; workid and all behind the header are not looked at */
};

enum call_error {
    CALL_OK,
    CALL_NO_JSON,
    CALL_TOO_DEEP, /* or too many values */
    CALL_BATCH,
    CALL_NO_CALL, /* no object with a method */
    CALL_UNKNOWN, /* method */
    CALL_PARAMS,
    CALL_ERRORS
};
extern const struct call_error_text {
    int code; /* of JSON-RPC */
    const char *count, *message;
} call_errors[CALL_ERRORS];

struct call {
    char id[CALL_MAX_ID + 1]; /* JSON text, to be repeated in the answer; "null" if there is none */
    enum call_method method;
    /* of a share */
    bool form; /* there is a header */
    uint8_t header[HEADER_SIZE];
    /* of CALL_TEMPLATE */
    bool segwit;                              /* is among the rules that the miner knows */
    char longpollid[CALL_MAX_LONGPOLLID + 1]; /* "": none, or longer than that */
};

/* After an error *RET has the id as far as one could be read. */
enum call_error call_read(const char *body, size_t len, struct call *ret);

#endif
