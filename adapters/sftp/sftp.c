/* adapters/sftp/sftp.c: the table of the SFTP adapter, its sessions, and the facade's resources.
 *
 * Runs in a courier process, single-threaded. A session keeps its connection between calls; one that was idle is asked
 * whether it still answers before it is relied upon, so that an old connection costs no failed attempt.
 */
#include "adapters/sftp/sftp.h"
#include "adapters/remote_look.h"

#include "adapters/sftp/session.h"
#include "core/base/clock.h"
#include "core/base/memory.h"

#include <inttypes.h>
#include <libssh2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { IDLE_MS = 5000, REFUSED_MS = 60000, TIMEOUT_DEFAULT_MS = 30000 };

static const setting sftp_settings[] = {
    {.name = "host",
        .type = SETTING_TEXT,
        .required = true,
        .min = 1,
        .max = 253,
        .help = "Name or address of the server"},
    {.name = "port", .type = SETTING_INTEGER, .fallback = "22", .min = 1, .max = 65535, .help = "Port of the server"},
    {.name = "user", .type = SETTING_TEXT, .required = true, .min = 1, .max = 256, .help = "User name at the server"},
    {.name = "password", .type = SETTING_TEXT, .secret = true, .max = 1024, .help = "Password of the user"},
    {.name = "key",
        .type = SETTING_NAME,
        .reference = "certificates",
        .help = "Private key of the user: Ed25519 or ECDSA (servers of today refuse the SHA-1 signatures of RSA keys)"},
    {.name = "passphrase", .type = SETTING_TEXT, .secret = true, .max = 1024, .help = "Passphrase of the private key"},
    {.name = "host_key",
        .type = SETTING_TEXT,
        .required = true,
        .min = 1,
        .max = 16384,
        .help = "Accepted host keys of the server, separated by commas: fingerprints (SHA256:...) or whole keys "
                "(ssh-ed25519 AAAA...)"},
    REMOTE_PLACE_SETTINGS,
    {.name = "claim",
        .type = SETTING_CHOICE,
        .choices = "none rename",
        .fallback = "none",
        .help = "rename: a file gets a hidden name before it is read, where others read the same directory"},
    REMOTE_PICKUP_SETTINGS,
    {.name = "timeout",
        .type = SETTING_DURATION,
        .fallback = "30s",
        .min = 100,
        .max = 600000,
        .help = "How long to wait for an answer of the server"},
    {.name = "keepalive",
        .type = SETTING_DURATION,
        .fallback = "30s",
        .max = 3600000,
        .help = "How often an idle connection is kept alive; 0: never"},
    {.name = "weak_until",
        .type = SETTING_TEXT,
        .max = 32,
        .help = "Date up to which the SHA-1 and CBC algorithms of an old server are accepted, such as 2027-06-30"},
    {.name = NULL},
};

static void add_fault(fault_list *faults, const char *path, const char *name, error *take) {
    fault_list_add(faults, error_at(error_wrap(take, "%s", name), "%s/%s", path, name));
}

static void sftp_check(const json_t *settings, const char *path, fault_list *faults) {
    char clean[NAMES_PATH_ROOM];
    const char *archive = json_get_text(settings, "archive", NULL),
               *until = json_get_text(settings, "weak_until", NULL);
    const char *host_key = json_get_text(settings, "host_key", NULL);
    name_pattern *pattern = NULL;
    host_keys *keys = NULL;
    int64_t date;
    if (!json_object_get(settings, "key") && !json_object_get(settings, "password"))
        fault_list_add(
            faults, error_at(error_new(ERROR_INVALID, "a key or a password is needed to log in"), "%s", path));
    if (host_key) add_fault(faults, path, "host_key", host_keys_parse(host_key, &keys));
    if (archive) add_fault(faults, path, "archive", name_check(archive, clean));
    if (until) add_fault(faults, path, "weak_until", clock_parse(span_of(until), &date));
    add_fault(faults, path, "pattern", name_pattern_new(json_get_text(settings, "pattern", NULL), &pattern));
    name_pattern_free(pattern);
    host_keys_free(keys);
}

char *sftp_path(const adapter_session *session, const char *clean) {
    if (strcmp(session->directory, ".") == 0) return xstrdup(*clean ? clean : ".");
    if (!*clean) return xstrdup(session->directory);
    size_t len = strlen(session->directory);
    return xasprintf("%s%s%s", session->directory, session->directory[len - 1] == '/' ? "" : "/", clean);
}

static void disconnect(adapter_session *session) {
    sftp_protocol_free(session->sftp);
    session->sftp = NULL;
}

static bool is_weak_allowed(const json_t *settings) {
    const char *until = json_get_text(settings, "weak_until", NULL);
    int64_t date;
    error *err = until ? clock_parse(span_of(until), &date) : NULL;
    bool allowed = until && !err && clock_wall_ms() < date + 86400000; /* the day itself is within */
    error_free(err);
    return allowed;
}

/* A refused login is not tried again for a while: servers lock accounts that are. */
static void note_refusal(adapter_session *session, const error *err) {
    free(session->refused);
    session->refused = xstrdup(error_text(err));
    session->refused_until = clock_monotonic_ms() + REFUSED_MS;
}

static error *connect_now(adapter_session *session) {
    sftp_link *link = NULL;
    if (session->refused && clock_monotonic_ms() < session->refused_until)
        return error_new(ERROR_DENIED, "%s (not tried again for a minute)", session->refused);
    session->options.weak = is_weak_allowed(session->settings);
    error *err = sftp_link_open(&session->options, &link);
    if (!err) err = sftp_protocol_new(link, &session->sftp);
    if (err && error_code_of(err) == ERROR_DENIED) note_refusal(session, err);
    if (!err) session->used_ms = clock_monotonic_ms();
    return err;
}

error *sftp_ensure(adapter_session *session) {
    int64_t now = clock_monotonic_ms();
    if (session->sftp && !sftp_protocol_is_broken(session->sftp) && now - session->used_ms > IDLE_MS)
        error_free(sftp_realpath(session->sftp, ".")); /* broken now, unless it answered */
    if (session->sftp && sftp_protocol_is_broken(session->sftp)) disconnect(session);
    session->used_ms = now;
    return session->sftp ? NULL : connect_now(session);
}

error *sftp_make_parents(adapter_session *session, const char *clean) {
    error *err = NULL;
    for (const char *slash = strchr(clean, '/'); slash && !err; slash = strchr(slash + 1, '/')) {
        char *part = xspandup(span_make(clean, (size_t)(slash - clean)));
        char *path = sftp_path(session, part);
        sftp_attributes attributes;
        err = sftp_make_directory(session->sftp, path);
        if (err && !sftp_protocol_is_broken(session->sftp)) { /* servers tell of an existing one as any failure */
            error *absent = sftp_lstat(session->sftp, path, &attributes);
            if (!absent) {
                error_free(err);
                err = NULL;
            }
            error_free(absent);
        }
        free(part);
        free(path);
    }
    return err;
}

int64_t sftp_modified_ms(const sftp_attributes *attributes) {
    return attributes->has_times ? (int64_t)attributes->modified_s * 1000 : 0;
}

static error *check_file(const adapter_session *session, const char *name, const sftp_attributes *attributes) {
    if (attributes->has_mode && !S_ISREG(attributes->mode))
        return error_new(ERROR_DENIED, "%s is no ordinary file", name);
    if (attributes->has_size && attributes->size > session->size_max)
        return error_new(ERROR_LIMIT, "%s has %" PRIu64 " bytes; max_size allows %" PRIu64, name, attributes->size,
            session->size_max);
    return NULL;
}

/* A server may send more than it announced: what arrives is counted, and stopped. */
typedef struct bounded_sink {
    const adapter_sink *sink;
    const char *name;
    uint64_t left;
} bounded_sink;

static error *write_bounded(void *context, span bytes) {
    bounded_sink *bounded = context;
    if (bytes.len > bounded->left) return error_new(ERROR_LIMIT, "%s is larger than max_size", bounded->name);
    bounded->left -= bytes.len;
    return bounded->sink->write(bounded->sink->context, bytes);
}

/* A pipe is never opened: it would hold the server's process. */
error *sftp_read_file(
    adapter_session *session, const char *path, const char *name, const adapter_sink *sink, adapter_entry *got) {
    sftp_handle handle;
    sftp_attributes before, after;
    uint64_t total = 0;
    bounded_sink bounded = {.sink = sink, .name = name, .left = session->size_max};
    adapter_sink counted = {.write = write_bounded, .context = &bounded};
    error *err = sftp_lstat(session->sftp, path, &before);
    if (!err) err = check_file(session, name, &before);
    if (!err) err = sftp_open(session->sftp, path, SFTP_READ, &handle);
    if (err) return err;
    err = sftp_read_all(session->sftp, &handle, name, &counted, &total);
    if (!err) err = sftp_fstat(session->sftp, &handle, name, &after);
    sftp_forget(session->sftp, &handle);
    if (err) return err;
    if ((after.has_size && after.size != total) || before.size != after.size || before.modified_s != after.modified_s)
        return error_new(ERROR_CONFLICT, "%s changed while it was read", name);
    *got = (adapter_entry){.name = name, .size = total, .modified_ms = sftp_modified_ms(&after)};
    return NULL;
}

static error *sftp_resource_read(
    adapter_session *session, const char *path, const adapter_sink *sink, adapter_entry *got) {
    char clean[NAMES_PATH_ROOM];
    error *err = name_check(path, clean);
    if (!err) err = sftp_ensure(session);
    if (err) return err;
    char *full = sftp_path(session, clean);
    err = sftp_read_file(session, full, path, sink, got);
    free(full);
    return err;
}

static error *sftp_resource_remove(adapter_session *session, const char *path) {
    char clean[NAMES_PATH_ROOM];
    error *err = name_check(path, clean);
    if (!err) err = sftp_ensure(session);
    if (err) return err;
    char *full = sftp_path(session, clean);
    err = sftp_delete(session->sftp, full);
    free(full);
    return err;
}

static void session_close(adapter_session *session) {
    if (!session) return;
    disconnect(session);
    host_keys_free(session->host_keys);
    remote_looker_end(&session->looker);
    free(session->refused);
    free(session);
}

/* Does not connect yet: the first call that needs the server does, and tells what is wrong. */
static error *session_open(const adapter_open_options *options, adapter_session **out) {
    const json_t *settings = options->settings;
    adapter_session *session = xcalloc(1, sizeof *session);
    int64_t timeout_ms = settings_integer(sftp_settings, settings, "timeout");
    if (options->timeout_ms > 0 && options->timeout_ms < timeout_ms) timeout_ms = options->timeout_ms;
    *session = (adapter_session){
        .settings = settings,
        .options =
            {
                .host = settings_text(sftp_settings, settings, "host"),
                .port = (uint16_t)settings_integer(sftp_settings, settings, "port"),
                .user = settings_text(sftp_settings, settings, "user"),
                .password = json_get_text(options->secrets, "password", NULL),
                .key = json_get_text(options->secrets, "key", NULL),
                .passphrase = json_get_text(options->secrets, "passphrase", NULL),
                .timeout_ms = timeout_ms > 0 ? timeout_ms : TIMEOUT_DEFAULT_MS,
                .keepalive_ms = settings_integer(sftp_settings, settings, "keepalive"),
            },
        .directory = settings_text(sftp_settings, settings, "directory"),
        .archive = settings_text(sftp_settings, settings, "archive"),
        .size_max = (uint64_t)settings_integer(sftp_settings, settings, "max_size"),
        .claims = strcmp(settings_text(sftp_settings, settings, "claim"), "rename") == 0,
    };
    session->looker = (remote_looker){
        .host = session->options.host,
        .archive = session->archive,
        .claim_prefix = session->claims ? SFTP_CLAIM_PREFIX : NULL,
        .size_max = session->size_max,
        .stable_ms = settings_integer(sftp_settings, settings, "stable"),
        .list = sftp_list_for_look,
        .context = session,
    };
    remote_looker_begin(&session->looker);
    error *err = libssh2_init(0) == 0 ? NULL : error_new(ERROR_INTERNAL, "the SSH library cannot be set up");
    if (!err) err = host_keys_parse(settings_text(sftp_settings, settings, "host_key"), &session->host_keys);
    if (err) {
        session_close(session);
        return error_at(err, "host_key");
    }
    session->options.host_keys = session->host_keys;
    *out = session;
    return NULL;
}

static error *never(void *context, span name, const sftp_attributes *attributes) {
    (void)context, (void)name, (void)attributes;
    return NULL;
}

static error *sftp_probe(adapter_session *session) {
    session->refused_until = 0; /* a person asks: try whatever happened before */
    error *err = sftp_ensure(session);
    return err ? err : sftp_list_directory(session->sftp, session->directory, never, NULL);
}

static const char *sftp_left(adapter_session *session) {
    return remote_left(&session->looker);
}

const adapter adapter_sftp = {
    .kind = "sftp",
    .help = "Files at an SFTP server (SSH)",
    .settings = sftp_settings,
    .check = sftp_check,
    .open = session_open,
    .close = session_close,
    .probe = sftp_probe,
    .list = sftp_list,
    .left = sftp_left,
    .get = sftp_get,
    .done = sftp_done,
    .release = sftp_release,
    .stage = sftp_stage,
    .publish = sftp_publish,
    .read = sftp_resource_read,
    .remove = sftp_resource_remove,
    .watch = NULL,
};
