/* adapters/sftp/protocol_private.h: what protocol.c and transfer.c share. */
#ifndef BANYAN_ADAPTERS_SFTP_PROTOCOL_PRIVATE_H
#define BANYAN_ADAPTERS_SFTP_PROTOCOL_PRIVATE_H

#include "adapters/sftp/protocol.h"

enum {
    FXP_READ = 5,
    FXP_WRITE = 6,
    FXP_READDIR = 12,
    FXP_STATUS = 101,
    FXP_DATA = 103,
    FXP_NAME = 104,
    FX_OK = 0,
    FX_EOF = 1,
    FX_NO_SUCH_FILE = 2,
    FX_PERMISSION_DENIED = 3,
    FX_FAILURE = 4,
    PACKET_MAX = 256 * 1024 + 1024, /* what OpenSSH sends at most, and its head */
    REQUESTS_MAX = 512 * 1024,
};

struct sftp_protocol {
    sftp_link *link;
    buf out;      /* requests built and not yet sent */
    char *in;     /* the packet in hand, PACKET_MAX */
    size_t begun; /* where the request in hand begins in `out` */
    uint32_t last_id;
    uint32_t forgotten; /* the answer with this id is of no interest; 0: none */
    bool broken;
    bool has_posix_rename, has_fsync, has_statvfs;
};

/* A reply, read from the front; `bad` when it ended early. Its spans live until the next packet. */
typedef struct reply {
    int type;
    uint32_t id;
    span rest;
    bool bad;
} reply;

void fxp_put_u32(buf *b, uint32_t value);
void fxp_put_u64(buf *b, uint64_t value);
void fxp_put_string(buf *b, span text);
uint32_t fxp_take_u32(reply *r);
uint64_t fxp_take_u64(reply *r);
span fxp_take_string(reply *r);
void fxp_take_attributes(reply *r, sftp_attributes *attributes);

/* A request: begin (tells its id), put..., end; several may be built before they are sent by flush. */
uint32_t fxp_begin(sftp_protocol *p, int type);
void fxp_end(sftp_protocol *p);
must_check error *fxp_flush(sftp_protocol *p);
must_check error *fxp_receive_reply(sftp_protocol *p, reply *r);

/* Marks the session as broken, and passes the error on. */
must_check error *fxp_broken(sftp_protocol *p, error *take);
must_check error *fxp_nonsense(sftp_protocol *p, const char *what);

must_check error *fxp_status_error(uint32_t code, span words, const char *doing, const char *path);
must_check error *fxp_take_status(sftp_protocol *p, reply *r, const char *doing, const char *path);
must_check error *fxp_open_directory(sftp_protocol *p, const char *path, sftp_handle *handle);

#endif
