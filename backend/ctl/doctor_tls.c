/* Encryption: is it used wherever a connection leaves the machine, and until when are the
 * certificates good? */
#include "backend/ctl/doctor.h"

#include "common/base/clock.h"
#include "common/base/mem.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WARN_DAYS     21
#define DAY_S         86400
#define EXPIRE_PREFIX "Expire date:"

static const char remedy_renew[] = "renew it, and reload the server that uses it";

static void judge_expiry(struct doctor *d, const char *what, int64_t until_s)
{
    int64_t days = (until_s - clock_real_us() / 1000000) / DAY_S;

    if (until_s <= clock_real_us() / 1000000)
        doctor_say(d, VERDICT_FAIL, remedy_renew, "%s: its certificate has expired", what);
    else
        doctor_say(d, days < WARN_DAYS ? VERDICT_WARN : VERDICT_OK,
                   days < WARN_DAYS ? remedy_renew : NULL,
                   "%s: its certificate is good for %" PRId64 " days", what, days);
}

/* As OpenSSL or GnuTLS write it. */
static bool read_expiry(const char *text, int64_t *ret)
{
    static const char *const formats[] = {"%b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M:%S"};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct tm tm = {0};
        if (strptime(text, formats[i], &tm) != NULL) {
            *ret = timegm(&tm);
            return true;
        }
    }
    return false;
}

/* --- the CA files --- */

static void look_at_ca(struct doctor *d, const char *path)
{
    FILE *in = fopen(path, "re");
    X509 *certificate = in != NULL ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;
    struct tm tm;

    if (in != NULL)
        fclose(in);
    if (certificate == NULL)
        doctor_say(d, VERDICT_FAIL, "tls_ca names a PEM file with the CA's certificate",
                   "%s cannot be read as a certificate", path);
    else if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1)
        judge_expiry(d, path, timegm(&tm));
    X509_free(certificate);
}

/* --- servers that speak TLS from the start --- */

/* True when the server's chain has an expiry date; the server's own certificate comes first. */
static bool find_expiry(CURL *curl, int64_t *ret)
{
    struct curl_certinfo *info = NULL;

    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL ||
        info->num_of_certs < 1)
        return false;
    for (struct curl_slist *line = info->certinfo[0]; line != NULL; line = line->next)
        if (strncmp(line->data, EXPIRE_PREFIX, strlen(EXPIRE_PREFIX)) == 0)
            return read_expiry(line->data + strlen(EXPIRE_PREFIX), ret);
    return false;
}

/* CA "": those that the machine trusts. */
static void look_at_url(struct doctor *d, const char *what, const char *url, const char *ca)
{
    char error[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    int64_t until;

    if (curl == NULL)
        abort(); /* out of memory, as in common/base/mem.h */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 5000L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    if (*ca != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        doctor_say(d, VERDICT_FAIL,
                   "give the server a valid certificate, for its name and from the CA in tls_ca",
                   "%s: %s", what, *error != '\0' ? error : curl_easy_strerror(code));
    else if (find_expiry(curl, &until))
        judge_expiry(d, what, until);
    else
        doctor_say(d, VERDICT_WARN, "look at it: openssl s_client", "%s: no expiry date found",
                   what);
    curl_easy_cleanup(curl);
}

/* --- each kind of connection --- */

/* Without TLS: fine as long as nothing leaves the machine. */
static void judge_plain(struct doctor *d, const char *what, const char *host)
{
    if (doctor_is_loopback(host))
        doctor_say(d, VERDICT_OK, NULL, "%s %s: not used, on this machine", what, host);
    else
        doctor_say(d, VERDICT_WARN,
                   "set tls_ca, or https for a wallet: the password is on the wire",
                   "%s %s: not used", what, host);
}

static bool take_text(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    snprintf(ctx, 64, "%.*s", (int)v[0].len, (const char *)v[0].data);
    return false;
}

static void look_at_database(struct doctor *d)
{
    const struct db_conf *conf = &d->conf->database;
    char until_text[64] = "";
    int64_t until;

    if (*conf->tls_ca == '\0') {
        for (size_t i = 0; i < conf->hosts.n; i++)
            judge_plain(d, "database", conf->hosts.word[i]);
        return;
    }
    look_at_ca(d, conf->tls_ca);
    if (!d->db_up)
        return;
    db_query(d->db,
             "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS"
             " WHERE VARIABLE_NAME = 'Ssl_server_not_after'",
             NULL, 0, take_text, until_text);
    if (read_expiry(until_text, &until))
        judge_expiry(d, "database", until);
    else
        doctor_say(d, VERDICT_FAIL, "require TLS for this account",
                   "database: the session has no TLS");
}

static void look_at_broker(struct doctor *d)
{
    const struct broker_conf *conf = &d->conf->broker;

    if (*conf->tls_ca != '\0')
        look_at_ca(d, conf->tls_ca);
    for (size_t i = 0; i < conf->hosts.n; i++) {
        const char *host = conf->hosts.word[i], *colon = strrchr(host, ':');
        bool has_port = colon != NULL && (strchr(host, ':') == colon || colon[-1] == ']');
        if (*conf->tls_ca == '\0') {
            judge_plain(d, "broker", host);
            continue;
        }
        char *url = has_port ? mem_sprintf("https://%s", host)
                             : mem_sprintf("https://%s:%d", host, (int)conf->port);
        look_at_url(d, host, url, conf->tls_ca);
        free(url);
    }
}

static void look_at_wallet(struct doctor *d, const struct wallet_conf *wallet)
{
    const char *host = strstr(wallet->url, "://");

    if (strncmp(wallet->url, "https:", 6) == 0)
        look_at_url(d, wallet->label, wallet->url, "");
    else if (host != NULL)
        judge_plain(d, "wallet", host + 3);
}

void doctor_tls(struct doctor *d)
{
    look_at_database(d);
    look_at_broker(d);
    for (size_t i = 0; i < d->conf->wallets.n; i++)
        look_at_wallet(d, backend_wallet_at(d->conf, i));
}
