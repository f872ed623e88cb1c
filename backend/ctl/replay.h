/* The parts of `penstockctl replay`: the window of messages under way, the line that shows how far
 * it is, and the file that remembers it. */
#ifndef PENSTOCK_BACKEND_CTL_REPLAY_H
#define PENSTOCK_BACKEND_CTL_REPLAY_H

#include "backend/share/intake.h"
#include "common/broker/broker.h"

/* --- replay_window.c: publishes in windows, each confirmed as a whole before the next --- */

struct replay_window;

struct replay_window *replay_window_new(struct broker *broker); /* BROKER is borrowed */
void replay_window_free(struct replay_window **w);

/* Adds one message (copied) and, when the window is full, sends it. What the broker does not take
 * for now is sent again until a minute has passed without a single confirm. False: given up. */
bool replay_window_add(struct replay_window *w, const struct intake *in, const char *body,
                       size_t len);
bool replay_window_flush(struct replay_window *w);
bool replay_window_empty(const struct replay_window *w);
bool replay_window_failed(const struct replay_window *w);
uint64_t replay_window_sent(const struct replay_window *w); /* confirmed */
/* No queue for its network: never taken. */
uint64_t replay_window_refused(const struct replay_window *w);

/* --- replay_meter.c: percentage, rate and time left, on a terminal --- */

struct replay_meter;

struct replay_meter *replay_meter_new(uint64_t bytes); /* of all files */
void replay_meter_free(struct replay_meter **m);
/* OFFSET is that in the file being read; twice a second at most. */
void replay_meter_show(struct replay_meter *m, uint64_t offset, uint64_t lines);
void replay_meter_add(struct replay_meter *m, uint64_t file_bytes); /* a file is done */
void replay_meter_clear(struct replay_meter *m); /* before anything else is printed */

/* --- replay_progress.c --- */

/* At most once a second, unless NOW. False after a complaint. */
bool replay_progress_save(const char *file, const char *path, uint64_t line, bool now);
/* *RET_PATH is malloc'd, or NULL when there is no such file. False after a complaint. */
bool replay_progress_load(const char *file, char **ret_path, uint64_t *ret_line);

#endif
