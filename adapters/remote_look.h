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

/* Rows of the settings table of such an adapter: where its files are, and how they are picked up and put. */
#define REMOTE_PLACE_SETTINGS                                                                                          \
    {.name = "directory",                                                                                              \
        .type = SETTING_TEXT,                                                                                          \
        .fallback = ".",                                                                                               \
        .min = 1,                                                                                                      \
        .max = 1024,                                                                                                   \
        .help = "Directory at the server where all paths begin; relative ones begin where the user logs in"},          \
        {.name = "pattern",                                                                                            \
            .type = SETTING_TEXT,                                                                                      \
            .fallback = "*",                                                                                           \
            .max = 512,                                                                                                \
            .help = "Which files are picked up: shell wildcards on the path below the directory, such as out/*.edi"},  \
    {                                                                                                                  \
        .name = "archive", .type = SETTING_TEXT, .max = 512,                                                           \
        .help = "Directory below the directory for files that were picked up; without it they are deleted"             \
    }
#define REMOTE_PICKUP_SETTINGS                                                                                         \
    {.name = "poll",                                                                                                   \
        .type = SETTING_DURATION,                                                                                      \
        .fallback = "60s",                                                                                             \
        .min = 100,                                                                                                    \
        .max = 86400000,                                                                                               \
        .help = "How often to look for files"},                                                                        \
        {.name = "stable",                                                                                             \
            .type = SETTING_DURATION,                                                                                  \
            .fallback = "2s",                                                                                          \
            .max = 600000,                                                                                             \
            .help = "How long a new file must keep its size and time before it is picked up"},                         \
        {.name = "max_size",                                                                                           \
            .type = SETTING_SIZE,                                                                                      \
            .fallback = "10GiB",                                                                                       \
            .help = "Larger files are left where they are, and reported"},                                             \
    {                                                                                                                  \
        .name = "path", .type = SETTING_TEXT, .fallback = "{filename}", .max = 512,                                    \
        .help = "Where a file is written whose flow names no path"                                                     \
    }

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
    map *seen;       /* path → what the last look found */
    map *reported;   /* what the log has seen */
    names_left left; /* by the last look */
    char left_text[700];
    /* Calls `each` for every name in a directory ("" is the base); ERROR_NOT_FOUND when there is none. */
    error *(*list)(void *context, const char *directory, remote_each *each, void *each_context);
    void *context;
} remote_looker;

void remote_looker_begin(remote_looker *l); /* makes the maps */
void remote_looker_end(remote_looker *l);

/* For an adapter's `left`. */
const char *remote_left(remote_looker *l);

/* Tells of all that matches and can be picked up. */
must_check error *remote_look(remote_looker *l, const name_pattern *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context);

#endif
