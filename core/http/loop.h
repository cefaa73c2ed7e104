/* core/http/loop.h: one thread with one epoll, for the server, for everything that goes out, and for the workers.
 *
 * The server's connections, the outgoing ones and the channels of the workers share a loop, so that a request that is
 * passed on or given to a script never changes its thread. Everything on a loop runs on its thread and does not block;
 * other threads hand steps over with http_loop_post.
 */
#ifndef BANYAN_HTTP_LOOP_H
#define BANYAN_HTTP_LOOP_H

#include "core/base/error.h"

#include <stdint.h>

typedef struct http_loop http_loop;

must_check error *http_loop_start(http_loop **out);
/* Runs the steps that were posted, then ends the thread. What was watched must have been dropped before. */
void http_loop_stop(http_loop *loop); /* NULL is fine */

/* From any thread: `step` runs on the loop's, in the order posted. */
void http_loop_post(http_loop *loop, void (*step)(void *context), void *context);
/* The same, and returns after the step was run. From the loop's own thread it runs at once. */
void http_loop_call(http_loop *loop, void (*step)(void *context), void *context);
bool http_loop_is_here(const http_loop *loop); /* is this its thread? */

/* ---- for what lives on the loop (core/http, the pool of workers), on its thread ---- */

/* A descriptor that is looked at. Lives until http_loop_drop and the end of the turn in which that was called. */
typedef struct http_watch http_watch;
http_watch *http_loop_watch(
    http_loop *loop, int fd, uint32_t epoll_events, void (*ready)(void *context, uint32_t events), void *context);
void http_loop_change(http_watch *watch, uint32_t epoll_events);
void http_loop_drop(http_watch *watch);

/* Runs at the end of each turn, before the loop sleeps; returns how many ms the loop may sleep at most, -1: for ever.
 * Whatever makes the last answer of a hook untrue says so by http_loop_hurry: the hooks run again before the loop
 * sleeps. */
typedef struct http_turn http_turn;
http_turn *http_loop_add_turn(http_loop *loop, int (*turn)(void *context), void *context);
void http_loop_hurry(http_loop *loop);
void http_loop_remove_turn(http_loop *loop, http_turn *turn);

#endif
