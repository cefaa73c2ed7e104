/* core/app/cmd_keeping.c: `banyan backup`: a copy of everything, while the appliance serves. */
#include "core/app/client.h"
#include "core/app/commands.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static error *fetch_backup(int fd) {
    client *c = NULL;
    client_answer answer = {.status = 0};
    client_transfer transfer = {.send_fd = -1, .receive_fd = fd};
    error *err = client_open(&c);
    if (!err) err = client_transfer_request(c, "GET", "/api/v1/backup", &transfer, &answer);
    if (!err) err = client_problem(&answer);
    client_answer_free(&answer);
    client_close(c);
    return err;
}

/* A backup that broke off must never carry the name of a good one: it gets its name last. */
static error *backup_to(const char *path) {
    char *temporary = xasprintf("%s.part", path);
    int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    error *err = fd < 0 ? error_from_errno(errno, "cannot write %s", temporary) : fetch_backup(fd);
    if (!err) err = io_sync_file(fd, temporary);
    if (!err && rename(temporary, path) < 0) err = error_from_errno(errno, "cannot name the backup %s", path);
    if (err && fd >= 0) unlink(temporary);
    io_close(&fd);
    free(temporary);
    return err;
}

static int run_backup(const command_line *line) {
    const char *path = command_argument(line, 0);
    error *err = strcmp(path, "-") == 0 ? fetch_backup(STDOUT_FILENO) : backup_to(path);
    return err ? command_failed(err) : EXIT_DONE;
}

const command keeping_commands[] = {
    {.name = "backup",
        .arguments = "FILE",
        .least = 1,
        .most = 1,
        .summary = "Write a consistent copy of everything, while serving",
        .details =
            "FILE may be - for standard output. The copy holds keys and secrets, sealed: keep it as safe as the\n"
            "appliance itself.",
        .run = run_backup},
    {.name = NULL},
};
