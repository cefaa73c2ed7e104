/* adapters/sftp/session.h: what the parts of the SFTP adapter share. */
#ifndef BANYAN_ADAPTERS_SFTP_SESSION_H
#define BANYAN_ADAPTERS_SFTP_SESSION_H

#include "adapters/adapter.h"
#include "adapters/remote_look.h"
#include "adapters/sftp/protocol.h"

/* A file that is claimed keeps its directory and gets this before its name. */
#define SFTP_CLAIM_PREFIX NAMES_OWN "-claim-"

struct adapter_session {
    const json_t *settings;
    sftp_link_options options;
    host_keys *host_keys;
    const char *directory; /* the base at the server, as set */
    const char *archive;   /* relative path; NULL: picked-up files are removed */
    uint64_t size_max;
    bool claims;           /* rename before reading */
    sftp_protocol *sftp;   /* NULL while not connected */
    int64_t used_ms;       /* when the connection last answered, monotonic */
    char *refused;         /* why the last login failed ... */
    int64_t refused_until; /* ... and until when no other is tried, monotonic */
    remote_looker looker;
};

/* The connection, made when there is none, or none that still answers. */
must_check error *sftp_ensure(adapter_session *session);

/* The server's path of a clean relative one. The caller frees. */
char *sftp_path(const adapter_session *session, const char *clean);

/* Makes the directories that lead to a clean path below the base. */
must_check error *sftp_make_parents(adapter_session *session, const char *clean);

/* Opens, reads to the sink, and checks that it is a file that did not change meanwhile. */
must_check error *sftp_read_file(
    adapter_session *session, const char *path, const char *name, const adapter_sink *sink, adapter_entry *got);

int64_t sftp_modified_ms(const sftp_attributes *attributes);

/* pickup.c */
error *sftp_list_for_look(void *context, const char *directory, remote_each *each, void *each_context);
error *sftp_list(adapter_session *session, const char *pattern,
    error *(*found)(void *context, const adapter_entry *entry), void *context);
error *sftp_get(adapter_session *session, const char *name, const adapter_sink *sink, adapter_entry *got);
error *sftp_done(adapter_session *session, const adapter_entry *got);
error *sftp_release(adapter_session *session, const char *name);

/* deliver.c */
error *sftp_stage(adapter_session *session, const char *path, const char *identity, const adapter_source *source);
error *sftp_publish(
    adapter_session *session, const char *path, const char *identity, adapter_if_exists if_exists, bool again);

#endif
