/* core/worker/head.h: the head of a frame, a JSON object, as bytes that are quick to read.
 *
 * Heads pass twice between the desk and a worker for every message, and as JSON text their reading and writing was a
 * quarter of what a small script costs. The bytes are between two processes of one program, never stored. The desk
 * reads what a worker wrote that somebody's payload may have taken over, so nothing is believed: not a length, not a
 * count, not that texts are UTF-8.
 *
 *   value:  n · t · f · i, s64 · r, f64 · s, text · a, u32 count, values · o, u32 count, (text, value)…
 *   text:   u32 length · bytes; numbers are little-endian
 */
#ifndef BANYAN_CORE_WORKER_HEAD_H
#define BANYAN_CORE_WORKER_HEAD_H

#include "core/base/json.h"

enum { HEAD_DEPTH_MAX = 2048 }; /* as deep as jansson reads JSON */

/* How many bytes head_write makes of it. */
size_t head_size(const json_t *value);

/* Writes the value to `at`, where head_size bytes are; what follows them. */
char *head_write(char *at, const json_t *value);

/* The value, a new reference. ERROR_INVALID when the bytes are anything else than one value: too short or too long, a
 * name that stands twice, a text that is not UTF-8 or holds a NUL, nested deeper than HEAD_DEPTH_MAX. */
must_check error *head_read(span bytes, json_t **value);

#endif
