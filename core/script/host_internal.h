/* core/script/host_internal.h: what a host is made of; for host.c and testing.c. */
#ifndef BANYAN_CORE_SCRIPT_HOST_INTERNAL_H
#define BANYAN_CORE_SCRIPT_HOST_INTERNAL_H

#include "core/script/host.h"
#include "core/script/sandbox.h"
#include "edi/schema.h"

enum { WARM_MAX = 8 };

/* A state that ran a version of a script without fault and may do so again. */
typedef struct warm_state {
    char *key; /* "NAME@hash"; NULL: the place is free */
    sandbox *box;
    uint64_t used_at;   /* counts runs of the host */
    size_t runs, bytes; /* since its memory was collected */
} warm_state;

struct script_host {
    script_services services;
    chunk_cache *chunks;
    edi_library *built_in;
    edi_library *schemas;      /* what scripts see: built_in, or one that somebody lent */
    struct coverage *coverage; /* borrowed; NULL: nobody counts lines */
    warm_state warm[WARM_MAX];
    uint64_t runs;
};

#endif
