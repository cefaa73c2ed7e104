/* adapters/file/watch.c: see watch.h. */
#include "adapters/file/watch.h"

#include "adapters/names.h"
#include "core/base/map.h"
#include "core/base/memory.h"

#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Names remembered between two looks; beyond it the time rule serves as well. */
enum { NAMES_MAX = 100000, EVENT_ROOM = 64 * 1024 };

typedef struct watched {
    int descriptor;
    char *relative;
} watched;

struct file_watch {
    int fd;
    watched *directories;
    size_t count;
    map *complete; /* path → itself */
    map *ignored;  /* path → itself */
};

static char present; /* what the maps of names point to */

file_watch *file_watch_new(void) {
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return NULL;
    file_watch *watch = xcalloc(1, sizeof *watch);
    *watch = (file_watch){.fd = fd, .complete = map_new(), .ignored = map_new()};
    return watch;
}

int file_watch_fd(const file_watch *watch) {
    return watch->fd;
}

void file_watch_add(file_watch *watch, const char *absolute, const char *relative) {
    int descriptor = inotify_add_watch(watch->fd, absolute, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW);
    if (descriptor < 0) return; /* polling still finds the files */
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->directories[i].descriptor == descriptor) return;
    }
    watch->directories = xreallocarray(watch->directories, watch->count + 1, sizeof *watch->directories);
    watch->directories[watch->count++] = (watched){.descriptor = descriptor, .relative = xstrdup(relative)};
}

static void forget_directory(file_watch *watch, size_t index) {
    free(watch->directories[index].relative);
    watch->directories[index] = watch->directories[--watch->count];
}

void file_watch_reset(file_watch *watch) {
    while (watch->count > 0) {
        inotify_rm_watch(watch->fd, watch->directories[watch->count - 1].descriptor);
        forget_directory(watch, watch->count - 1);
    }
    file_watch_drain(watch);
}

static void note_complete(file_watch *watch, const char *directory, const char *name) {
    char *path = name_join(directory, name);
    if (!map_remove(watch->ignored, span_of(path)) && map_count(watch->complete) < NAMES_MAX)
        map_put(watch->complete, span_of(path), &present);
    free(path);
}

static void take_event(file_watch *watch, const struct inotify_event *event) {
    if (event->mask & IN_Q_OVERFLOW) {
        map_free(watch->complete, NULL); /* what was dropped is unknown: let the time rule decide for all */
        watch->complete = map_new();
        return;
    }
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->directories[i].descriptor != event->wd) continue;
        if (event->mask & IN_IGNORED)
            forget_directory(watch, i);
        else if (event->len > 0 && !(event->mask & IN_ISDIR))
            note_complete(watch, watch->directories[i].relative, event->name);
        return;
    }
}

void file_watch_drain(file_watch *watch) {
    _Alignas(struct inotify_event) char events[EVENT_ROOM];
    ssize_t len;
    map_free(watch->complete, NULL);
    watch->complete = map_new();
    while ((len = read(watch->fd, events, sizeof events)) > 0) {
        for (char *at = events; at < events + len;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            take_event(watch, event);
            at += sizeof *event + event->len;
        }
    }
    map_free(watch->ignored, NULL); /* their events were queued before: seen, or lost in an overflow */
    watch->ignored = map_new();
}

bool file_watch_is_complete(const file_watch *watch, const char *path) {
    return map_get(watch->complete, span_of(path)) != NULL;
}

void file_watch_ignore(file_watch *watch, const char *path) {
    map_remove(watch->complete, span_of(path));
    map_put(watch->ignored, span_of(path), &present);
}

void file_watch_free(file_watch *watch) {
    if (!watch) return;
    while (watch->count > 0)
        forget_directory(watch, watch->count - 1);
    free(watch->directories);
    map_free(watch->complete, NULL);
    map_free(watch->ignored, NULL);
    close(watch->fd);
    free(watch);
}
