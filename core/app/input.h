/* core/app/input.h: a file named on the command line as one span, however large, in little memory.
 *
 * Small ones are read, large ones mapped; a large pipe is laid down in a nameless file first (TMPDIR, else /var/tmp).
 * What a reader has passed can leave the memory by input_passed.
 */
#ifndef BANYAN_APP_INPUT_H
#define BANYAN_APP_INPUT_H

#include "core/base/buf.h"

typedef struct input {
    span bytes;
    const char *name; /* "-" is called "standard input" */
    void *mapping;
    size_t mapping_size;
    size_t passed; /* bytes of the mapping that have left the memory */
    buf copy;
} input;

must_check error *input_open(const char *path, input *in);
void input_close(input *in);

/* Lets go of the memory behind the first `offset` bytes (`in` is an input *); whoever looks there again gets them from
 * the file again. */
void input_passed(void *in, uint64_t offset);

#endif
