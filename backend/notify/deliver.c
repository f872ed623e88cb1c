/* Sends what is due. A message is noted as sent once it was handed over: a death between both
 * sends it again. */
#include "backend/notify/mail.h"
#include "backend/notify/notify.h"
#include "backend/notify/webhook.h"
#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/hex.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ATTEMPTS 12 /* with the pauses below: within two days */
#define FIRST_PAUSE_S 60
#define MOST_PAUSE_S  21600

struct message {
    bool found, by_mail, for_operator;
    uint64_t id, attempts;
    char subscription[40], network[40], kind[20], detail[1700];
    char target[300];
    uint8_t secret[16];
};

static void copy(char *out, size_t size, const struct db_value *v)
{
    snprintf(out, size, "%s", db_is_null(v) ? "" : db_text(v));
}

static bool take_message(void *ctx, const struct db_value *v, size_t n)
{
    struct message *m = ctx;

    (void)n;
    m->found = true;
    m->id = db_uint(&v[0]);
    copy(m->subscription, sizeof m->subscription, &v[1]);
    m->by_mail = strcmp(db_text(&v[2]), "mail") == 0;
    copy(m->network, sizeof m->network, &v[3]);
    copy(m->kind, sizeof m->kind, &v[4]);
    copy(m->detail, sizeof m->detail, &v[5]);
    m->attempts = db_uint(&v[6]);
    m->for_operator = db_is_null(&v[7]);
    copy(m->target, sizeof m->target, &v[7]);
    if (!db_is_null(&v[8]) && v[8].len == sizeof m->secret)
        memcpy(m->secret, v[8].data, sizeof m->secret);
    return false;
}

/* What is about a subscription that has ended meanwhile stays where it is, and grows old. */
static enum db_result next_due(struct db *db, struct message *ret)
{
    static const char sql[] =
        "SELECT q.id, CAST(q.subscription_id AS CHAR), q.channel, q.network, q.kind, q.detail, "
        "CAST(q.attempts AS UNSIGNED), s.target, t.secret FROM notify_queue q "
        "LEFT JOIN notify_subscription s ON s.id = q.subscription_id "
        "LEFT JOIN notify_state t ON t.subscription_id = q.subscription_id "
        "WHERE q.status = 'queued' AND q.next_at <= UTC_TIMESTAMP(6) AND (t.status = 'active' "
        "OR (t.status = 'asked' AND q.kind = 'confirm') "
        "OR q.subscription_id = '00000000-0000-0000-0000-000000000000') "
        "ORDER BY q.next_at LIMIT 1";
    enum db_result r;

    *ret = (struct message){.found = false};
    r = db_query(db, sql, NULL, 0, take_message, ret);
    FAULT_POINT("notify.due");
    return r;
}

/* A token of its own for each message; its hash is stored before it is sent. */
static enum db_result make_token(struct db *db, const struct message *m, char ret[33])
{
    uint8_t token[16], hash[32];
    enum db_result r;

    if (RAND_bytes(token, sizeof token) != 1)
        abort();
    hex_encode(token, sizeof token, ret);
    SHA256((const uint8_t *)ret, 32, hash);
    r = db_exec(db, "INSERT INTO notify_token (token_hash, subscription_id) VALUES (?, ?)",
                (const struct db_value[]){DB_BYTES(hash, sizeof hash), DB_TEXT(m->subscription)}, 2,
                NULL);
    FAULT_POINT("notify.token");
    return r;
}

static enum db_result note(struct db *db, const struct message *m, const char *wrong,
                           struct notify_count *count)
{
    static const char done[] =
        "UPDATE notify_queue SET status = 'sent', sent_at = UTC_TIMESTAMP(6), "
        "attempts = attempts + 1, answer = '' WHERE id = ?";
    static const char later[] =
        "UPDATE notify_queue SET status = IF(? , 'given_up', 'queued'), attempts = attempts + 1, "
        "next_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND, answer = ? WHERE id = ?";
    bool last = m->attempts + 1 >= MOST_ATTEMPTS;
    int64_t pause = FIRST_PAUSE_S << (m->attempts < 10 ? m->attempts : 10);
    enum db_result r;

    if (!wrong) {
        count->sent++;
        r = db_exec(db, done, &DB_UINT(m->id), 1, NULL);
    } else {
        count->failed++;
        count->given_up += last;
        r = db_exec(db, later,
                    (const struct db_value[]){DB_INT(last),
                                              DB_INT(pause < MOST_PAUSE_S ? pause : MOST_PAUSE_S),
                                              DB_TEXT(wrong), DB_UINT(m->id)},
                    4, NULL);
    }
    FAULT_POINT("notify.noted");
    return r;
}

/* NULL, or why it was not sent, in ERR. */
static const char *hand_over(const struct notify_conf *conf, const struct message *m,
                             const char *token, char *err, size_t err_size)
{
    const struct notice notice = {
        .id = m->id,
        .network = m->network,
        .kind = m->kind,
        .detail = m->detail,
        .target = !m->for_operator ? m->target
                                   : (m->by_mail ? conf->operator_mail : conf->operator_webhook),
        .token = token,
        .secret = m->for_operator ? NULL : m->secret,
    };
    bool ok = m->by_mail ? mail_send(conf, &notice, err, err_size)
                         : webhook_call(conf, &notice, err, err_size);

    FAULT_POINT("notify.sent");
    return ok ? NULL : err;
}

enum db_result notify_deliver(struct db *db, const struct notify_conf *conf, int64_t deadline_ms,
                              struct notify_count *ret)
{
    enum db_result r = DB_OK;
    struct message m;

    *ret = (struct notify_count){0};
    while (r == DB_OK && clock_left_ms(deadline_ms) > 0) {
        char token[33] = "", err[160] = "";

        r = next_due(db, &m);
        if (r != DB_OK || !m.found)
            break;
        if (!m.for_operator)
            r = make_token(db, &m, token);
        if (r != DB_OK)
            break;
        const char *wrong = hand_over(conf, &m, token, err, sizeof err);

        if (wrong)
            log_warning("notify.failed", LOG_UINT("message", m.id), LOG_STR("why", wrong));
        r = note(db, &m, wrong, ret);
    }
    return r;
}
