/* core/app/estate_help.c: see estate_help.h. */
#include "core/app/estate_help.h"

#include "core/flow/estate.h"

enum { NAME_COLUMN = 22, DEPTH_MAX = 3 };

static const char *type_word(const setting *s) {
    static const char *const words[] = {[SETTING_TEXT] = "text",
        [SETTING_NAME] = "name",
        [SETTING_INTEGER] = "number",
        [SETTING_BOOLEAN] = "true or false",
        [SETTING_DURATION] = "duration",
        [SETTING_SIZE] = "size",
        [SETTING_CHOICE] = NULL,
        [SETTING_NAMES] = "list of names",
        [SETTING_TEXTS] = "list of texts",
        [SETTING_OBJECT] = "object",
        [SETTING_OBJECTS] = "list of objects",
        [SETTING_MAP] = "object of texts",
        [SETTING_ANY] = "text or object"};
    return s->choices ? s->choices : words[s->type];
}

/* Nested tables follow their setting, indented. */
static void print_table(const setting *table, int depth, FILE *out) {
    for (const setting *s = table; s->name; s++) {
        int indent = 2 + 2 * depth;
        fprintf(out, "%*s%-*s %s\n", indent, "", NAME_COLUMN - 2 * depth, s->name, s->help);
        fprintf(out, "%*s(%s%s", NAME_COLUMN + 3, "", s->choices && s->type == SETTING_TEXTS ? "list of some of " : "",
            type_word(s));
        if (s->required) fprintf(out, ", required");
        if (s->secret) fprintf(out, ", secret");
        if (s->reference) fprintf(out, ", of %s", s->reference);
        if (s->fallback) fprintf(out, ", default %s", s->fallback);
        fprintf(out, ")\n");
        if (s->nested && depth < DEPTH_MAX) print_table(s->nested, depth + 1, out);
    }
}

bool estate_help(const char *kind, FILE *out) {
    const setting *table = estate_settings(kind);
    if (!table) return false;
    fprintf(out, "%s: an object has these settings.\n\n", kind);
    print_table(table, 0, out);
    for (size_t i = 0; strcmp(kind, "connections") == 0 && adapters[i]; i++) {
        fprintf(out, "\nkind: %s. %s\n\n", adapters[i]->kind, adapters[i]->help);
        print_table(adapters[i]->settings, 0, out);
    }
    return true;
}
