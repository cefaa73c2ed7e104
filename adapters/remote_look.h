/* adapters/remote_look.h: finding the files that can be picked up at a server.
 *
 * A server does not say whether a file is complete. So a file is told of only when it kept its size and time: since the
 * last look, or else since a first look that this one takes `stable_ms` before its second. Shared by the adapters that
 * list directories of servers; what they send as names may be anything, and what passes here is clean.
 */
#ifndef BANYAN_ADAPTERS_REMOTE_LOOK_H
#define BANYAN_ADAPTERS_REMOTE_LOOK_H

#include "adapters/adapter.h"
#include "adapters/names.h"
#include "core/base/map.h"

/* One line of a directory. What a server does not tell is taken for a file, of an unknown size and time. */
typedef struct remote_entry {
    bool is_directory, is_other; /* neither: a file */
    bool has_size;
    uint64_t size;
    int64_t modified_ms; /* 0: not told */
} remote_entry;

typedef error *remote_each(void *each_context, span name, const remote_entry *entry);

/* What one session looks with; the maps are its own and outlive a look. */
typedef struct remote_looker {
    const char *host;         /* for the log */
    const char *archive;      /* relative path that is not looked into; NULL: none */
    const char *claim_prefix; /* what claimed files have before their name; NULL: nothing is claimed */
    uint64_t size_max;
    int64_t stable_ms;
    map *seen;     /* path → what the last look found */
    map *reported; /* what the log has seen */
    /* Calls `each` for every name in a directory ("" is the base); ERROR_NOT_FOUND when there is none. */
    error *(*list)(void *context, const char *directory, remote_each *each, void *each_context);
    void *context;
} remote_looker;

void remote_looker_begin(remote_looker *l); /* makes the maps */
void remote_looker_end(remote_looker *l);

/* Tells of all that matches and can be picked up. */
must_check error *remote_look(remote_looker *l, const name_pattern *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context);

#endif
