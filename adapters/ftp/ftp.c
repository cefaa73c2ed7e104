/* adapters/ftp/ftp.c: the FTP adapter: its settings, sessions, pick-up, delivery, and the facade's resources.
 *
 * Runs in a courier process, single-threaded. FTP has no claims and no atomic "rename unless it exists": whoever shares
 * a directory with others gives it to one reader, and names that nobody else uses.
 */
#include "adapters/ftp/ftp.h"
#include "adapters/remote_look.h"
#include "adapters/server.h"

#include "adapters/ftp/listing.h"
#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/http/ftp_client.h"

#include <inttypes.h>
#include <stdlib.h>

enum { REFUSED_MS = 60000 };

struct adapter_session {
    const json_t *settings;
    server_options options;
    ftp_client *ftp;
    const char *directory, *archive; /* archive NULL: picked-up files are removed */
    uint64_t size_max;
    remote_looker looker;
    char *refused;         /* why the last login failed ... */
    int64_t refused_until; /* ... and until when no other is tried, monotonic */
};

static const setting ftp_settings[] = {
    {.name = "host",
        .type = SETTING_TEXT,
        .required = true,
        .min = 1,
        .max = 253,
        .help = "Name or address of the server"},
    {.name = "tls",
        .type = SETTING_CHOICE,
        .choices = "explicit implicit none",
        .fallback = "explicit",
        .help = "explicit: TLS is asked for after connecting (AUTH TLS); implicit: from the first byte; none: user, "
                "password and files pass in clear"},
    {.name = "port",
        .type = SETTING_INTEGER,
        .min = 1,
        .max = 65535,
        .help = "Port of the server; 21, or 990 with implicit TLS, when left out"},
    {.name = "user", .type = SETTING_TEXT, .required = true, .min = 1, .max = 256, .help = "User name at the server"},
    {.name = "password", .type = SETTING_TEXT, .secret = true, .max = 1024, .help = "Password of the user"},
    SERVER_TLS_SETTINGS,
    REMOTE_PLACE_SETTINGS,
    REMOTE_PICKUP_SETTINGS,
    {.name = "timeout",
        .type = SETTING_DURATION,
        .fallback = "30s",
        .min = 1000,
        .max = 600000,
        .help = "How long to wait for an answer of the server, and for a transfer that stands still"},
    {.name = NULL},
};

static void ftp_check(const json_t *settings, const char *path, fault_list *faults) {
    char clean[NAMES_PATH_ROOM];
    const char *archive = json_get_text(settings, "archive", NULL);
    name_pattern *pattern = NULL;
    if (archive)
        fault_list_add(faults, error_at(error_wrap(name_check(archive, clean), "archive"), "%s/archive", path));
    fault_list_add(
        faults, error_at(error_wrap(name_pattern_new(json_get_text(settings, "pattern", NULL), &pattern), "pattern"),
                    "%s/pattern", path));
    server_check(ftp_settings, settings, path, faults);
    name_pattern_free(pattern);
}

/* The server's path of a clean relative one, which may be "". The caller frees. */
static char *path_at(const adapter_session *session, const char *clean) {
    if (strcmp(session->directory, ".") == 0) return xstrdup(clean);
    if (!*clean) return xstrdup(session->directory);
    size_t len = strlen(session->directory);
    return xasprintf("%s%s%s", session->directory, session->directory[len - 1] == '/' ? "" : "/", clean);
}

/* A refused login is not tried again for a while: servers lock accounts that are. */
static error *guard(adapter_session *session) {
    if (!session->refused || clock_monotonic_ms() >= session->refused_until) return NULL;
    return error_new(ERROR_DENIED, "%s (not tried again for a minute)", session->refused);
}

static error *note(adapter_session *session, error *err) {
    if (!err || error_code_of(err) != ERROR_DENIED || !strstr(error_text(err), "refuses the login")) return err;
    free(session->refused);
    session->refused = xstrdup(error_text(err));
    session->refused_until = clock_monotonic_ms() + REFUSED_MS;
    return err;
}

/* The checked path of a call; the caller frees. */
static error *begin(adapter_session *session, const char *name, char **full) {
    char clean[NAMES_PATH_ROOM];
    error *err = name_check(name, clean);
    if (!err) err = guard(session);
    if (!err) *full = path_at(session, clean);
    return err;
}

static error *make_parents(adapter_session *session, const char *full) {
    error *err = NULL;
    for (const char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        char *part = xspandup(span_make(full, (size_t)(slash - full)));
        error_free(err); /* of one that is there already */
        err = ftp_make_directory(session->ftp, part);
        free(part);
    }
    return err;
}

/* ---- reading ---- */

/* A server may send more than it announced: what arrives is counted, and stopped. */
typedef struct bounded {
    const adapter_sink *sink;
    const char *name;
    uint64_t left, total;
} bounded;

static error *write_bounded(void *context, span bytes) {
    bounded *b = context;
    if (bytes.len > b->left) return error_new(ERROR_LIMIT, "%s is larger than max_size", b->name);
    b->left -= bytes.len;
    b->total += bytes.len;
    return b->sink->write(b->sink->context, bytes);
}

static error *read_file(adapter_session *session, const char *name, const adapter_sink *sink, adapter_entry *got) {
    char *full = NULL;
    uint64_t before = 0, after = 0;
    int64_t modified_ms = 0, modified_after_ms = 0;
    bounded b = {.sink = sink, .name = name, .left = session->size_max};
    error *err = begin(session, name, &full);
    if (!err) err = note(session, ftp_stat(session->ftp, full, &before, &modified_ms));
    if (!err && before > session->size_max)
        err = error_new(
            ERROR_LIMIT, "%s has %" PRIu64 " bytes; max_size allows %" PRIu64, name, before, session->size_max);
    if (!err) err = ftp_get(session->ftp, full, write_bounded, &b);
    if (!err) err = ftp_stat(session->ftp, full, &after, &modified_after_ms);
    if (!err && (before != after || b.total != after || modified_ms != modified_after_ms))
        err = error_new(ERROR_CONFLICT, "%s changed while it was read", name);
    if (!err) *got = (adapter_entry){.name = name, .size = after, .modified_ms = modified_ms};
    free(full);
    return err;
}

/* ---- pick-up ---- */

static error *list_for_look(void *context, const char *directory, remote_each *each, void *each_context) {
    adapter_session *session = context;
    buf text;
    bool machine_readable;
    char *full = path_at(session, directory);
    error *err = note(session, ftp_list(session->ftp, full, &text, &machine_readable));
    if (!err) {
        err = ftp_listing_read(buf_span(&text), machine_readable, each, each_context);
        buf_free(&text);
    }
    free(full);
    return err;
}

static error *ftp_look(adapter_session *session, const char *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context) {
    name_pattern *compiled = NULL;
    error *err = name_pattern_new(pattern ? pattern : json_get_text(session->settings, "pattern", NULL), &compiled);
    if (!err) err = guard(session);
    if (!err) err = remote_look(&session->looker, compiled, found, context);
    name_pattern_free(compiled);
    return err;
}

/* Moves into the archive; a name that is taken there gets an id behind it. */
static error *archive(adapter_session *session, const char *full, const char *name) {
    char id[ID_SIZE];
    uint64_t size;
    int64_t modified_ms;
    char *relative = name_join(session->archive, name), *target = path_at(session, relative);
    error *err = ftp_stat(session->ftp, target, &size, &modified_ms);
    if (!err) {
        char *other = xasprintf("%s.%s", target, id_new(id));
        free(target);
        target = other;
    } else if (error_code_of(err) == ERROR_NOT_FOUND) {
        error_free(err);
        err = NULL;
    }
    if (!err) err = ftp_rename(session->ftp, full, target);
    if (err && error_code_of(err) != ERROR_UNREACHABLE) {
        error_free(make_parents(session, target));
        error_free(err);
        err = ftp_rename(session->ftp, full, target);
    }
    free(relative);
    free(target);
    return error_wrap(err, "cannot archive %s", name);
}

static error *ftp_done(adapter_session *session, const adapter_entry *got) {
    char *full = NULL;
    uint64_t size = 0;
    int64_t modified_ms = 0;
    error *err = begin(session, got->name, &full);
    if (!err) err = ftp_stat(session->ftp, full, &size, &modified_ms);
    if (err && error_code_of(err) == ERROR_NOT_FOUND) { /* done before */
        error_free(err);
        err = NULL;
    } else if (!err && size == got->size && modified_ms == got->modified_ms) {
        err = session->archive ? archive(session, full, got->name) : ftp_delete(session->ftp, full);
    }
    free(full);
    return err;
}

/* Nothing is claimed, so there is nothing to give back. */
static error *ftp_release(adapter_session *session, const char *name) {
    (void)session, (void)name;
    return NULL;
}

/* ---- delivery ---- */

/* The temporary file lies beside the final one, so that a rename suffices. */
static error *temporary_path(const adapter_session *session, const char *path, const char *identity, char **full) {
    char clean[NAMES_PATH_ROOM], name[NAMES_PATH_ROOM];
    error *err = name_check(path, clean);
    if (!err) err = name_temporary(identity, clean, name);
    if (err) return err;
    char *relative = xasprintf("%.*s" NAMES_OWN "-%s.tmp", (int)(name_base(clean) - clean), clean, name);
    *full = path_at(session, relative);
    free(relative);
    return NULL;
}

static error *put_temporary(
    adapter_session *session, const char *temporary, const char *name, const adapter_source *source) {
    uint64_t size = 0;
    int64_t modified_ms;
    error *err = source->rewind(source->context);
    if (!err) err = note(session, ftp_put(session->ftp, temporary, source->size, source->read, source->context));
    if (!err) err = ftp_stat(session->ftp, temporary, &size, &modified_ms);
    if (!err && size != source->size)
        err = error_new(ERROR_IO, "%s: %" PRIu64 " bytes were sent, the server has %" PRIu64, name, source->size, size);
    return err;
}

static error *ftp_stage(
    adapter_session *session, const char *path, const char *identity, const adapter_source *source) {
    char *temporary = NULL;
    error *err = temporary_path(session, path, identity, &temporary);
    if (!err) err = guard(session);
    if (!err) err = put_temporary(session, temporary, path, source);
    bool refused = err && (error_code_of(err) == ERROR_DENIED || error_code_of(err) == ERROR_NOT_FOUND);
    if (refused && strchr(temporary, '/') && !session->refused) { /* no such directory is what servers mean by that */
        error_free(make_parents(session, temporary));
        error_free(err);
        err = put_temporary(session, temporary, path, source);
    }
    free(temporary);
    return err;
}

/* Is there a file of that name? */
static error *exists(adapter_session *session, const char *full, bool *there) {
    uint64_t size;
    int64_t modified_ms;
    error *err = ftp_stat(session->ftp, full, &size, &modified_ms);
    *there = !err;
    if (!err || error_code_of(err) != ERROR_NOT_FOUND) return err;
    error_free(err);
    return NULL;
}

static error *ftp_publish(
    adapter_session *session, const char *path, const char *identity, adapter_if_exists if_exists, bool again) {
    char *temporary = NULL, *full = NULL;
    bool staged = false, taken = false;
    error *err = temporary_path(session, path, identity, &temporary);
    if (!err) err = begin(session, path, &full);
    if (!err) err = exists(session, temporary, &staged);
    if (!err && staged) err = exists(session, full, &taken);
    if (!err && !staged)
        err = again ? NULL : error_new(ERROR_NOT_FOUND, "%s was not staged", path);
    else if (!err && taken && if_exists == ADAPTER_EXISTS_FAIL)
        err = error_new(ERROR_CONFLICT, "%s exists already at the server and is not replaced", path);
    else if (!err)
        err = ftp_rename(session->ftp, temporary, full);
    if (err && taken && staged && if_exists == ADAPTER_EXISTS_REPLACE && error_code_of(err) != ERROR_UNREACHABLE) {
        error_free(err); /* servers that do not rename over a file */
        err = ftp_delete(session->ftp, full);
        if (!err) err = ftp_rename(session->ftp, temporary, full);
    }
    free(temporary);
    free(full);
    return err;
}

/* ---- resources ---- */

static error *ftp_remove(adapter_session *session, const char *path) {
    char *full = NULL;
    error *err = begin(session, path, &full);
    if (!err) err = note(session, ftp_delete(session->ftp, full));
    free(full);
    return err;
}

static error *ftp_test(adapter_session *session) {
    session->refused_until = 0; /* a person asks: try whatever happened before */
    char *full = path_at(session, "");
    error *err = note(session, ftp_probe(session->ftp, full));
    free(full);
    return err;
}

/* ---- sessions ---- */

static void session_close(adapter_session *session) {
    if (!session) return;
    ftp_client_free(session->ftp);
    remote_looker_end(&session->looker);
    free(session->refused);
    free(session);
}

/* Does not connect yet: the first call that needs the server does, and tells what is wrong. */
static error *session_open(const adapter_open_options *options, adapter_session **out) {
    const json_t *settings = options->settings;
    static const unsigned ports[] = {[SERVER_STARTTLS] = 21, [SERVER_IMPLICIT] = 990, [SERVER_PLAIN] = 21};
    adapter_session *session = xcalloc(1, sizeof *session);
    session->settings = settings;
    session->directory = settings_text(ftp_settings, settings, "directory");
    session->archive = settings_text(ftp_settings, settings, "archive");
    session->size_max = (uint64_t)settings_integer(ftp_settings, settings, "max_size");
    session->options = server_read(ftp_settings, options, ports, "the password and the files");
    session->ftp = ftp_client_new(&session->options);
    session->looker = (remote_looker){
        .host = session->options.host,
        .archive = session->archive,
        .size_max = session->size_max,
        .stable_ms = settings_integer(ftp_settings, settings, "stable"),
        .list = list_for_look,
        .context = session,
    };
    remote_looker_begin(&session->looker);
    *out = session;
    return NULL;
}

static const char *ftp_left(adapter_session *session) {
    return remote_left(&session->looker);
}

const adapter adapter_ftp = {
    .kind = "ftp",
    .help = "Files at an FTP server, with TLS (FTPS) unless told otherwise",
    .settings = ftp_settings,
    .check = ftp_check,
    .open = session_open,
    .close = session_close,
    .probe = ftp_test,
    .list = ftp_look,
    .left = ftp_left,
    .get = read_file,
    .done = ftp_done,
    .release = ftp_release,
    .stage = ftp_stage,
    .publish = ftp_publish,
    .read = read_file,
    .remove = ftp_remove,
};
