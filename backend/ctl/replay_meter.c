#include "backend/ctl/replay.h"

#include "common/base/clock.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EVERY_MS 500

struct replay_meter {
    uint64_t bytes, done; /* of all files; of those that are read */
    int64_t start_ms, shown_ms;
    bool terminal, there; /* the line is on the screen */
};

struct replay_meter *replay_meter_new(uint64_t bytes)
{
    struct replay_meter *m = mem_zalloc(sizeof *m);

    m->bytes = bytes;
    m->start_ms = clock_mono_ms();
    m->terminal = isatty(STDERR_FILENO);
    return m;
}

void replay_meter_free(struct replay_meter **m)
{
    free(*m);
    *m = NULL;
}

void replay_meter_show(struct replay_meter *m, uint64_t offset, uint64_t lines)
{
    int64_t now = clock_mono_ms();
    double seconds = (double)(now - m->start_ms) / 1000.0;
    uint64_t done = m->done + offset;

    if (!m->terminal || now - m->shown_ms < EVERY_MS || seconds <= 0 || m->bytes == 0)
        return;
    double part = (double)done / (double)m->bytes;
    if (part > 1) /* a file has grown since */
        part = 1;
    fprintf(stderr, "\r%5.1f %%  %" PRIu64 " messages  %.0f/s", part * 100, lines,
            (double)lines / seconds);
    if (part > 0) {
        int64_t left = (int64_t)(seconds / part - seconds);
        fprintf(stderr, "  %" PRId64 ":%02d:%02d left", left / 3600, (int)(left / 60 % 60),
                (int)(left % 60));
    }
    fputs("\033[K", stderr);
    m->shown_ms = now;
    m->there = true;
}

void replay_meter_add(struct replay_meter *m, uint64_t file_bytes)
{
    m->done += file_bytes;
}

void replay_meter_clear(struct replay_meter *m)
{
    if (m->there)
        fputs("\r\033[K", stderr);
    m->there = false;
}
