/* core/app/input.h: a file named on the command line, mapped into memory; "-" and what cannot be mapped are read.
 */
#ifndef BANYAN_APP_INPUT_H
#define BANYAN_APP_INPUT_H

#include "core/base/buf.h"

typedef struct input {
    span bytes;
    const char *name; /* "-" is called "standard input" */
    void *mapping;
    size_t mapping_size;
    buf copy;
} input;

must_check error *input_open(const char *path, input *in);
void input_close(input *in);

/* Is it a file that can be mapped, rather than a pipe or a terminal? */
bool input_is_regular(const char *path);

#endif
