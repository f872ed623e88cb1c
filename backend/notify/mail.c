#include "backend/notify/mail.h"

#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_BYTES 8192 /* of a mail: a pipe takes it whole, whatever the program does */
#define MOST_MS    20000
#define LOOK_MS    20

bool mail_address_ok(const char *text)
{
    static const char local[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-";
    static const char domain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    size_t before = strspn(text, local), len = strlen(text);
    const char *host = text + before + 1;

    return len <= 254 && before >= 1 && before <= 64 && text[0] != '-' && text[before] == '@' &&
           *host && *host != '.' && *host != '-' && host[strspn(host, domain)] == '\0' &&
           strchr(host, '.') && !strstr(text, "..") && text[len - 1] != '.';
}

static const char *subject_of(const char *kind)
{
    static const char *const subjects[][2] = {
        {"confirm", "Please confirm: messages from the mining pool"},
        {"block", "The pool found a block"},
        {"payout", "The pool paid you"},
        {"silent", "A worker is silent"},
        {"audit", "The audit found a difference"},
    };

    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
        if (strcmp(kind, subjects[i][0]) == 0)
            return subjects[i][1];
    return "News from the mining pool";
}

/* A worker's name is the miner's word: nothing but printable characters, on one line. */
static bool add_plain(struct buf *out, const char *text)
{
    bool ok = true;

    for (; *text && ok; text++)
        ok = buf_add(out, (unsigned char)*text < 0x20 || *text == 0x7f ? "?" : text, 1);
    return ok;
}

static bool add_links(const struct notify_conf *conf, const struct notice *n, struct buf *out)
{
    if (*n->token == '\0')
        return true;
    if (strcmp(n->kind, "confirm") == 0)
        return buf_addf(
            out,
            "\r\nIf you want that, open this page and press its button within 7 days:\r\n"
            "%s/notify/confirm?token=%s\r\n\r\nIf not, there is nothing to do: without it "
            "you get no further mail.\r\n",
            conf->url, n->token);
    return buf_addf(out, "\r\nTo get no more of these mails:\r\n%s/notify/stop?token=%s\r\n",
                    conf->url, n->token);
}

bool mail_build(const struct notify_conf *conf, const struct notice *n, struct buf *out)
{
    bool ok = mail_address_ok(n->target) &&
              buf_addf(out,
                       "From: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <penstock-%" PRIu64
                       "-%.8s@%s>\r\nAuto-Submitted: auto-generated\r\nPrecedence: bulk\r\n"
                       "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                       "Content-Transfer-Encoding: 8bit\r\n",
                       conf->from, n->target, subject_of(n->kind), n->id, n->token,
                       strchr(conf->from, '@') ? strchr(conf->from, '@') + 1 : "localhost");

    if (ok && *n->token)
        ok = buf_addf(out,
                      "List-Unsubscribe: <%s/notify/stop?token=%s>\r\n"
                      "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
                      conf->url, n->token);
    return ok && buf_addf(out, "\r\n") && add_plain(out, n->detail) &&
           buf_addf(out, "\r\nNetwork: %s\r\n", n->network) && add_links(conf, n, out);
}

/* --- the program --- */

static pid_t start(const char *program, int input)
{
    char *argv[] = {(char *)program, (char *)"-t", (char *)"-i", NULL};
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *env[] = {path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, defaults;
    pid_t child = 0;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    int rc = posix_spawn(&child, program, &actions, &attr, argv, env);

    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    errno = rc;
    return rc == 0 ? child : -1;
}

/* Its exit status, or -1 when it took too long and was killed, or died. */
static int await_end(pid_t child)
{
    int64_t end = clock_mono_ms() + MOST_MS;
    int status;

    while (waitpid(child, &status, WNOHANG) == 0) {
        if (clock_left_ms(end) <= 0) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return -1;
        }
        clock_sleep_ms(LOOK_MS);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool run(const char *program, const struct buf *mail, char *err, size_t err_size)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(err, err_size, "pipe: %s", strerror(errno));
        return false;
    }
    /* it fits in the pipe, so this waits for nobody */
    bool written = write(ends[1], mail->data, mail->len) == (ssize_t)mail->len;
    pid_t child = written ? start(program, ends[0]) : -1;

    if (child < 0)
        snprintf(err, err_size, "%s: %s", program, strerror(errno));
    close(ends[0]);
    close(ends[1]);
    if (child < 0)
        return false;
    int status = await_end(child);

    if (status != 0)
        snprintf(err, err_size, "%s ended with %d", program, status);
    return status == 0;
}

bool mail_send(const struct notify_conf *conf, const struct notice *n, char *err, size_t err_size)
{
    struct buf mail = BUF_INIT(MOST_BYTES);
    bool ok = mail_build(conf, n, &mail);

    if (!ok)
        snprintf(err, err_size, "no mail address");
    else
        ok = run(conf->sendmail, &mail, err, err_size);
    buf_free(&mail);
    return ok;
}
