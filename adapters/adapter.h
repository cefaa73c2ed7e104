/* adapters/adapter.h: the one interface behind every kind of connection.
 *
 * An adapter moves bytes and reports; the engine above decides and records. It runs in a courier process,
 * single-threaded, and may block; the desk kills a courier that passes its deadline. An adapter fills the functions it
 * can do and leaves the others NULL. Its table of settings is the only description of its configuration.
 *
 * Names of entries and paths are relative, "/"-separated, already clean (io_path_clean); an adapter refuses any that
 * would leave the connection's directory.
 */
#ifndef BANYAN_ADAPTERS_ADAPTER_H
#define BANYAN_ADAPTERS_ADAPTER_H

#include "core/base/settings.h"

/* One file or object at the source, borrowed for the time of the call. */
typedef struct adapter_entry {
    const char *name;    /* relative path */
    uint64_t size;       /* bytes, as the source lists it */
    int64_t modified_ms; /* wall time, 0 when the source tells none */
} adapter_entry;

/* Takes bytes that the adapter reads. An error from `write` stops the transfer and is returned by the adapter's
 * function. */
typedef struct adapter_sink {
    error *(*write)(void *context, span bytes);
    /* Starts again from the first byte: what was written is forgotten. NULL: cannot. */
    error *(*rewind)(void *context);
    void *context;
} adapter_sink;

/* Gives bytes that the adapter sends: fills `room` bytes of `into`, *len = 0 at the end. `rewind` starts again from the
 * first byte. */
typedef struct adapter_source {
    error *(*read)(void *context, char *into, size_t room, size_t *len);
    error *(*rewind)(void *context);
    void *context;
    uint64_t size;
    const char *content_type; /* NULL: not known */
    const char *traceparent;  /* W3C Trace Context, for a kind that is `traced`; NULL: in no trace */
} adapter_source;

typedef struct adapter_open_options {
    const json_t *settings; /* passed settings_check against the adapter's table; borrowed while the session lives */
    const json_t *secrets;  /* what secret settings and references to keys resolve to, by setting name: {"password":
                               "...", "key": "PEM"}; for a kind that exchanges also {"trust": {"keys": [ours],
                               "certificates": [the partner's]}}, each {"name", "certificate", "private_key",
                               "valid_from", "valid_until" (wall ms, 0: open), "use"} */
    const char *connection; /* the connection's name, for errors */
    int64_t timeout_ms;     /* for one blocking network operation */
} adapter_open_options;

/* What a put leaves behind if a file of that name is there already. */
typedef enum adapter_if_exists { ADAPTER_EXISTS_FAIL, ADAPTER_EXISTS_REPLACE } adapter_if_exists;

typedef struct adapter_session adapter_session; /* each adapter's own */

typedef struct adapter {
    const char *kind; /* "file", "sftp" */
    const char *help; /* one sentence, for people */
    const setting *settings;
    bool traced;     /* what is delivered tells the peer the trace that it is in */
    bool for_people; /* what is delivered is read by people: in words where there are any */

    /* What the table cannot say (settings that exclude or need each other). NULL: nothing. */
    void (*check)(const json_t *settings, const char *path, fault_list *faults);

    /* A session is opened before the first call on a connection and kept while the connection is in use. */
    error *(*open)(const adapter_open_options *options, adapter_session **out);
    void (*close)(adapter_session *session);

    /* Is the session usable: reaches the peer, logs in, sees the directory? For "test connection" and the doctor. */
    error *(*probe)(adapter_session *session);

    /* Pick-up. `list` reports what can be picked up now and matches `pattern` (shell wildcards on the relative path;
     * NULL: the connection's own setting, or all), also what an earlier run claimed and did not finish. Temporary names
     * and files that still grow are left out. */
    error *(*list)(adapter_session *session, const char *pattern,
        error *(*found)(void *context, const adapter_entry *entry), void *context);
    /* What the last `list` left where it is and reported to nobody but the log (names that cannot be, files that are
     * too large), in words; NULL: nothing. The text lives until the next call. */
    const char *(*left)(adapter_session *session);
    /* Claims the entry (so that no other process takes it) and reads it to the sink; `got` tells the name as it was
     * given, the size read and the time of the last change. ERROR_NOT_FOUND when another was faster, ERROR_CONFLICT
     * when it changed while it was read. After an error the entry is not claimed. */
    error *(*get)(adapter_session *session, const char *name, const adapter_sink *sink, adapter_entry *got);
    /* The bytes are durable here: removes the entry at the source, or archives it as the settings say. `got` is what
     * get told, from this session or an earlier one: an entry of that name with another size or time is a newer one,
     * which nobody has read, and stays. Done twice is no error. */
    error *(*done)(adapter_session *session, const adapter_entry *got);
    /* Gives a claimed entry back, untouched. */
    error *(*release)(adapter_session *session, const char *name);

    /* Delivery in two steps, so that a crash between them repeats nothing. `stage` writes the bytes durably under a
     * temporary name made of `identity` (the message id; staged again it starts anew). `publish` gives them their final
     * name; when the temporary file is gone and the caller says that it may have been published before (`again`), that
     * is success. ERROR_CONFLICT: the name is taken. */
    error *(*stage)(adapter_session *session, const char *path, const char *identity, const adapter_source *source);
    error *(*publish)(
        adapter_session *session, const char *path, const char *identity, adapter_if_exists if_exists, bool again);

    /* Resources for the facade. */
    error *(*read)(adapter_session *session, const char *path, const adapter_sink *sink, adapter_entry *got);
    error *(*remove)(adapter_session *session, const char *path);

    /* Exchanges, whose transport the desk does: `pack` makes of a payload the bytes to be sent, `unpack` takes apart
     * what a partner sent. `order` says what for, *outcome (a new reference) tells what became of it; the adapter's
     * header has both. */
    error *(*pack)(adapter_session *session, const json_t *order, const adapter_source *payload,
        const adapter_sink *body, json_t **outcome);
    error *(*unpack)(adapter_session *session, const json_t *order, const adapter_source *body,
        const adapter_sink *documents, json_t **outcome);

    /* A descriptor that becomes readable when something may have arrived (inotify), to be polled between calls; -1:
     * poll by time only. */
    int (*watch)(adapter_session *session);
} adapter;

/* The kinds known, NULL at the end: adapters/registry.c has one line for each. */
extern const adapter *const adapters[];

const adapter *adapter_find(const char *kind); /* NULL when unknown */

#endif
