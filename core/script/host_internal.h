/* core/script/host_internal.h: what a host is made of; for host.c and testing.c. */
#ifndef BANYAN_CORE_SCRIPT_HOST_INTERNAL_H
#define BANYAN_CORE_SCRIPT_HOST_INTERNAL_H

#include "core/script/host.h"
#include "core/script/sandbox.h"
#include "edi/schema.h"

struct script_host {
    script_services services;
    chunk_cache *chunks;
    edi_library *schemas;
    struct coverage *coverage; /* borrowed; NULL: nobody counts lines */
};

#endif
