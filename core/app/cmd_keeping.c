/* core/app/cmd_keeping.c: `banyan backup`, a copy of everything while the appliance serves, and `banyan restore`, which
 * makes a new data directory of one before an appliance is started on it. */
#include "core/app/client.h"
#include "core/app/commands.h"
#include "core/app/configuration.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/crypto/digest.h"
#include "core/store/store.h"

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

static error *release(void) {
    client *c = NULL;
    json_t *reply = NULL;
    error *err = client_open(&c);
    if (!err) err = client_call(c, "POST", "/api/v1/restore/release", NULL, &reply);
    json_decref(reply);
    client_close(c);
    return err;
}

/* The one command that opens a database itself: no appliance can be running on a directory that does not exist yet. */
static int run_restore(const command_line *line) {
    const char *path = command_argument(line, 0), *directory = command_text(line, "data", NULL);
    json_t *configuration = NULL;
    fault_list faults = {NULL, 0};
    error *err = NULL;
    int fd = -1;
    if (command_flag(line, "release")) {
        if (path) return command_misused(line, "--release takes no FILE");
        err = release();
        return err ? command_failed(err) : EXIT_DONE;
    }
    if (!path) return command_misused(line, "which FILE?");
    if (!directory) {
        configuration_load(NULL, &configuration, &faults);
        if (faults.count)
            err = error_new(ERROR_INVALID, "%s (%s)", error_text(faults.faults[0]), error_where(faults.faults[0]));
        if (!err) directory = configuration_data(configuration);
    }
    if (!err) {
        fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) err = error_from_errno(errno, "cannot open %s", path);
    }
    if (!err)
        err = error_wrap(store_restore(fd, directory, &crypto_sha256), "cannot restore %s into %s", path, directory);
    if (!err)
        printf(
            "restored into %s. Put the master.key of the appliance that was backed up into it, unless it is there, and "
            "start it with\n`banyan serve`. It delivers nothing until `banyan restore --release`: what waits in the "
            "backup "
            "may have been sent since.\n",
            directory);
    if (fd > STDIN_FILENO) io_close(&fd);
    fault_list_free(&faults);
    json_decref(configuration);
    return err ? command_failed(err) : EXIT_DONE;
}

static const option_spec restore_options[] = {
    {"data", 0, "DIR", "The directory to make, in place of the one that the settings name"},
    {"release", 0, NULL, "Tell the restored, running appliance that it may deliver what waits"},
    {.name = NULL},
};

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
    {.name = "restore",
        .arguments = "[FILE]",
        .most = 1,
        .summary = "Make a new data directory of a backup",
        .details =
            "The directory must be empty or missing. A backup holds secrets sealed by DATA/master.key, which is not "
            "in\n"
            "it: keep that file apart and put it into the new directory. A restored appliance takes in and answers as\n"
            "before, but delivers nothing until --release, because partners may have what waits in the backup.",
        .options = restore_options,
        .run = run_restore},
    {.name = NULL},
};
