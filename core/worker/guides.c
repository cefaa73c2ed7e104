/* core/worker/guides.c: see guides.h. */
#include "core/worker/guides.h"

#include "core/base/memory.h"

#include <stdlib.h>

enum { KEPT_MAX = 8, SOURCE_BYTES_MAX = 4 * 1024 * 1024 };

typedef struct kept_library {
    char *key; /* NULL: the place is free */
    edi_library *library;
    uint64_t used_at;
} kept_library;

struct guides {
    script_host *host;
    guides_source source;
    void *context;
    edi_library *built_in;
    kept_library kept[KEPT_MAX];
    uint64_t asked;
};

guides *guides_new(script_host *host, guides_source source, void *context) {
    guides *g = xcalloc(1, sizeof *g);
    *g = (guides){.host = host, .source = source, .context = context, .built_in = edi_library_new()};
    return g;
}

static void drop(kept_library *kept) {
    edi_library_free(kept->library);
    free(kept->key);
    *kept = (kept_library){.key = NULL};
}

void guides_free(guides *g) {
    if (!g) return;
    for (size_t i = 0; i < KEPT_MAX; i++)
        drop(&g->kept[i]);
    edi_library_free(g->built_in);
    free(g);
}

static error *add(edi_library *library, const char *name, span source) {
    char *label = xasprintf("%s.schema", name);
    error *err = edi_library_add(library, source, label);
    free(label);
    return err;
}

static error *compile(guides *g, const json_t *names, edi_library *library) {
    error *err = NULL;
    for (size_t i = 0; i < json_array_size(names) && !err; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        buf text = BUF_MAX(SOURCE_BYTES_MAX);
        err = name ? g->source(g->context, name, &text) : error_new(ERROR_INVALID, "a schema without a name");
        if (!err) err = add(library, name, buf_span(&text));
        buf_free(&text);
    }
    return err;
}

/* The place that was not used for longest, freed. No state of a script may look back to what lay there. */
static kept_library *make_room(guides *g) {
    kept_library *oldest = &g->kept[0];
    for (size_t i = 0; i < KEPT_MAX && oldest->key; i++) {
        if (!g->kept[i].key || g->kept[i].used_at < oldest->used_at) oldest = &g->kept[i];
    }
    if (oldest->key) script_host_cool(g->host);
    drop(oldest);
    return oldest;
}

error *guides_choose(guides *g, const json_t *head, edi_library **library) {
    const json_t *wanted = json_get_object(head, "schemas");
    const char *key = json_get_text(wanted, "key", NULL);
    *library = key ? NULL : g->built_in;
    for (size_t i = 0; key && i < KEPT_MAX && !*library; i++) {
        if (!g->kept[i].key || strcmp(g->kept[i].key, key) != 0) continue;
        g->kept[i].used_at = ++g->asked;
        *library = g->kept[i].library;
    }
    if (!*library) {
        edi_library *made = edi_library_new();
        error *err = compile(g, json_get_array(wanted, "names"), made);
        if (err) {
            edi_library_free(made);
            return error_wrap(err, "the partner's schemas do not compile");
        }
        *make_room(g) = (kept_library){.key = xstrdup(key), .library = made, .used_at = ++g->asked};
        *library = made;
    }
    script_host_use_schemas(g->host, *library);
    return NULL;
}

error *guides_check(const json_t *sources) {
    edi_library *library = edi_library_new();
    error *err = NULL;
    for (size_t i = 0; i < json_array_size(sources) && !err; i++) {
        const json_t *one = json_array_get(sources, i);
        err = add(library, json_get_text(one, "name", ""), json_get_span(one, "source"));
    }
    edi_library_free(library);
    return err;
}
