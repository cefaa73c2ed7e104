/* core/http/router.c: see router.h. A tree of segments; literal children in a hash table of their own. */
#include "core/http/router.h"

#include "core/base/map.h"
#include "core/base/memory.h"

#include <stdlib.h>

enum { SEGMENTS_MAX = 32, ANY_METHOD = 7, METHODS = 8, TEMPLATE_BYTES_MAX = 1024 };

static const char *const method_names[METHODS] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "*"};

typedef struct route {
    void *target;
    char *path_template;
    char *names[HTTP_ROUTE_PARAMETERS_MAX];
    size_t name_count;
} route;

/* What follows a prefix of segments. */
typedef struct node {
    map *literals;          /* segment to node; NULL when there are none */
    struct node *parameter; /* any one segment */
    route *exact[METHODS];  /* the path ends here */
    route *rest[METHODS];   /* the path goes on, in any way */
} node;

struct http_router {
    node root;
};

http_router *http_router_new(void) {
    return xcalloc(1, sizeof(http_router));
}

static int method_index(span method) {
    for (int i = 0; i < METHODS; i++)
        if (span_is(method, method_names[i])) return i;
    return -1;
}

static bool has_routes(route *const *routes) {
    for (int i = 0; i < METHODS; i++)
        if (routes[i]) return true;
    return false;
}

static void free_route(route *r) {
    if (!r) return;
    for (size_t i = 0; i < r->name_count; i++)
        free(r->names[i]);
    free(r->path_template);
    free(r);
}

typedef enum segment_kind { LITERAL, PARAMETER, REST, MALFORMED } segment_kind;

/* What a segment of a template is; *name is the parameter's. */
static segment_kind classify(span segment, span *name) {
    *name = segment;
    if (span_is(segment, "*")) return REST;
    if (segment.len > 0 && segment.data[0] == '{' && segment.data[segment.len - 1] == '}') {
        *name = span_make(segment.data + 1, segment.len - 2);
        bool rest = name->len > 3 && memcmp(name->data + name->len - 3, "...", 3) == 0;
        if (rest) name->len -= 3;
        for (size_t i = 0; i < name->len; i++)
            if (!http_is_token(span_make(name->data + i, 1)) || name->data[i] == '.') return MALFORMED;
        return name->len == 0 ? MALFORMED : rest ? REST : PARAMETER;
    }
    for (size_t i = 0; i < segment.len; i++)
        if (strchr("{}*?#\\", segment.data[i]) || (unsigned char)segment.data[i] < 0x20) return MALFORMED;
    return span_is(segment, ".") || span_is(segment, "..") ? MALFORMED : LITERAL;
}

static error *malformed(const char *path_template, const char *why) {
    return error_new(ERROR_INVALID, "route %s: %s", path_template, why);
}

static error *add_name(route *r, span name) {
    if (r->name_count == HTTP_ROUTE_PARAMETERS_MAX) return malformed(r->path_template, "too many parameters");
    for (size_t i = 0; i < r->name_count; i++)
        if (span_is(name, r->names[i])) return malformed(r->path_template, "two parameters have the same name");
    r->names[r->name_count++] = xspandup(name);
    return NULL;
}

static node *literal_child(node *at, span segment) {
    if (!at->literals) at->literals = map_new();
    node *child = map_get(at->literals, segment);
    if (!child) {
        child = xcalloc(1, sizeof *child);
        map_put(at->literals, segment, child);
    }
    return child;
}

static node *parameter_child(node *at) {
    if (!at->parameter) at->parameter = xcalloc(1, sizeof *at->parameter);
    return at->parameter;
}

/* Walks down the template, making nodes; *routes is where the route belongs. */
static error *descend(node *at, route *r, route ***routes) {
    span rest = span_of(r->path_template + 1), segment, name;
    size_t segments = 0;
    while (span_split(&rest, '/', &segment)) {
        bool last = rest.data == NULL;
        if (++segments > SEGMENTS_MAX) return malformed(r->path_template, "too many segments");
        if (segment.len == 0 && !last) return malformed(r->path_template, "empty segment");
        segment_kind kind = classify(segment, &name);
        if (kind == MALFORMED) return malformed(r->path_template, "malformed segment");
        if (kind == REST && !last) return malformed(r->path_template, "only the last segment may be a wildcard");
        error *err = kind == LITERAL ? NULL : add_name(r, name);
        if (err) return err;
        if (kind == REST) {
            *routes = at->rest;
            return NULL;
        }
        at = kind == LITERAL ? literal_child(at, segment) : parameter_child(at);
    }
    *routes = at->exact;
    return NULL;
}

error *http_router_add(http_router *router, const char *method, const char *path_template, void *target) {
    int index = method_index(span_of(method));
    if (index < 0) return error_new(ERROR_INVALID, "route %s: unknown method %s", path_template, method);
    if (path_template[0] != '/') return malformed(path_template, "a path starts with a slash");
    if (strlen(path_template) > TEMPLATE_BYTES_MAX) return malformed(path_template, "too long");
    route *r = xcalloc(1, sizeof *r);
    r->target = target;
    r->path_template = xstrdup(path_template);
    route **routes = NULL;
    error *err = descend(&router->root, r, &routes);
    if (!err && routes && routes[index])
        err = error_new(ERROR_CONFLICT, "routes %s %s and %s %s match the same paths", method,
            routes[index]->path_template, method, path_template);
    if (err)
        free_route(r);
    else if (routes)
        routes[index] = r;
    return err;
}

static const route *pick(route *const *routes, int method) {
    if (routes[method]) return routes[method];
    if (method == 1 && routes[0]) return routes[0];
    return routes[ANY_METHOD];
}

/* Notes what a place that matches the path would allow. */
static void allow(route *const *routes, unsigned *allowed) {
    for (unsigned i = 0; i < METHODS; i++)
        if (routes[i]) *allowed |= 1u << i;
    if (routes[0]) *allowed |= 1u << 1;
}

/* One way down the tree, kept to go back to when a more specific one led nowhere. */
typedef struct step {
    const node *at;
    size_t offset;      /* of the segment in the path */
    size_t values;      /* parameters bound before it */
    unsigned char next; /* what to try at this node: 0 literal, 1 parameter, 2 rest */
} step;

typedef struct search {
    span path;
    int method;
    unsigned allowed;
    span values[SEGMENTS_MAX + 1];
    step steps[SEGMENTS_MAX + 1];
} search;

static const route *take(search *s, route *const *routes) {
    const route *found = s->method >= 0 ? pick(routes, s->method) : NULL;
    if (!found) allow(routes, &s->allowed);
    return found;
}

/* The next thing to try below `here`: the child for `segment`, or NULL; a wildcard's route goes to *found. */
static const node *try_next(search *s, step *here, span segment, size_t *values, const route **found) {
    const node *at = here->at;
    *values = here->values;
    switch (here->next++) {
    case 0: return at->literals ? map_get(at->literals, segment) : NULL;
    case 1:
        if (segment.len == 0 || !at->parameter) return NULL;
        s->values[(*values)++] = segment;
        return at->parameter;
    default:
        if (!has_routes(at->rest)) return NULL;
        *found = take(s, at->rest);
        s->values[(*values)++] = span_make(segment.data, s->path.len - here->offset);
        return NULL;
    }
}

/* Depth first without recursion. As the nodes form a tree, each is entered once at most. */
static const route *walk(search *s, const node *root, size_t *values) {
    const route *found = NULL;
    size_t depth = 1;
    s->steps[0] = (step){.at = root, .offset = 1};
    while (depth > 0 && !found) {
        step *here = &s->steps[depth - 1];
        if (here->offset > s->path.len) { /* behind the last segment */
            *values = here->values;
            found = take(s, here->at->exact);
            depth--;
            continue;
        }
        const char *start = s->path.data + here->offset;
        size_t left = s->path.len - here->offset;
        const char *slash = left ? memchr(start, '/', left) : NULL;
        span segment = span_make(start, slash ? (size_t)(slash - start) : left);
        const node *child = try_next(s, here, segment, values, &found);
        if (child && depth <= SEGMENTS_MAX)
            s->steps[depth++] = (step){.at = child, .offset = here->offset + segment.len + 1, .values = *values};
        else if (here->next > 2)
            depth--;
    }
    return found;
}

static void write_allow(unsigned allowed, char *text) {
    size_t len = 0;
    if (allowed & (1u << ANY_METHOD)) allowed = (1u << ANY_METHOD) - 1;
    text[0] = '\0';
    for (unsigned i = 0; i < ANY_METHOD; i++) {
        if (!(allowed & (1u << i))) continue;
        const char *parts[] = {len ? ", " : "", method_names[i]};
        for (size_t p = 0; p < 2; p++) {
            memcpy(text + len, parts[p], strlen(parts[p]) + 1);
            len += strlen(parts[p]);
        }
    }
}

http_route_result http_router_find(const http_router *router, span method, span path, http_route_match *match) {
    *match = (http_route_match){.target = NULL};
    if (path.len == 0 || path.data[0] != '/') return HTTP_ROUTE_NO_PATH;
    search s;
    s.path = path;
    s.method = method_index(method);
    s.allowed = 0;
    if (s.method == ANY_METHOD) s.method = -1;
    size_t values = 0;
    const route *found = walk(&s, &router->root, &values);
    if (!found) {
        write_allow(s.allowed, match->allow);
        return s.allowed ? HTTP_ROUTE_NO_METHOD : HTTP_ROUTE_NO_PATH;
    }
    match->target = found->target;
    match->path_template = found->path_template;
    match->parameter_count = found->name_count;
    for (size_t i = 0; i < found->name_count && i < values; i++)
        match->parameters[i] = (http_field){span_of(found->names[i]), s.values[i]};
    return HTTP_ROUTE_FOUND;
}

span http_route_parameter(const http_route_match *match, const char *name) {
    for (size_t i = 0; i < match->parameter_count; i++)
        if (span_is(match->parameters[i].name, name)) return match->parameters[i].value;
    return span_make(NULL, 0);
}

/* Nodes still to be freed, as a list through what they hold: no recursion on the depth of templates. */
typedef struct node_list {
    node **nodes;
    size_t count, room;
} node_list;

static void list_add(node_list *list, node *n) {
    if (!n) return;
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->nodes = xreallocarray(list->nodes, list->room, sizeof(node *));
    }
    list->nodes[list->count++] = n;
}

static void empty_node(node *n, node_list *list) {
    size_t cursor = 0;
    span segment;
    void *child;
    while (n->literals && map_next(n->literals, &cursor, &segment, &child))
        list_add(list, child);
    list_add(list, n->parameter);
    if (n->literals) map_free(n->literals, NULL);
    for (int i = 0; i < METHODS; i++) {
        free_route(n->exact[i]);
        free_route(n->rest[i]);
    }
}

void http_router_free(http_router *router) {
    if (!router) return;
    node_list list = {.count = 0};
    empty_node(&router->root, &list);
    while (list.count) {
        node *n = list.nodes[--list.count];
        empty_node(n, &list);
        free(n);
    }
    free(list.nodes);
    free(router);
}
