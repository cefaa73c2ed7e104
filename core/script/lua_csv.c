/* core/script/lua_csv.c: the module `csv` (RFC 4180, and what is found in the field).
 *
 *   csv.decode(text, {separator = ";", quote = '"', header = true, trim = false, skip = 0})
 *     → a list of rows; with a header each row is keyed by it and rows.columns has its names in order (and is
 *     no member: the rows stay a list);
 *       header = false: rows are lists; header = {"po", "status"}: names for a file that has none
 *   csv.encode(rows, {columns = {"po", "status"}, separator = ",", header = true, quote = "needed", line_end = "\r\n"})
 *     → text. The options may stand in `rows` itself, beside its rows, so that a script returns {csv = {columns = …,
 * …}}
 *
 * Values are text; scripts say what is a number. Spreadsheets take =1+1 for a formula: `safe = true` puts an apostrophe
 * before = + - @, tab and CR.
 */
#include "core/script/lua_csv.h"

#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <stdio.h>

enum { COLUMNS_MAX = 10000 };

typedef struct csv_reader {
    lua_State *L;
    const char *at, *end;
    char separator, quote;
    bool trim;
    int line;
} csv_reader;

static char option_character(lua_State *L, int options, const char *name, char fallback) {
    char own[2] = {fallback, '\0'};
    const char *text = value_option_text(L, options, name, own);
    if (strcmp(text, "\\t") == 0 || strcmp(text, "tab") == 0) return '\t';
    if (strlen(text) != 1 || *text == '\r' || *text == '\n')
        sandbox_error(L, "csv: option '%s' is one character", name);
    return *text;
}

static int fault(lua_State *L, bool reject, int line, const char *words) {
    if (reject)
        sandbox_reject(L, "malformed", lua_pushfstring(L, "line %d", line), "not valid CSV: line %d: %s", line, words);
    return luaL_error(L, "not valid CSV: line %d: %s", line, words);
}

static bool at_line_end(const csv_reader *r) {
    return r->at == r->end || *r->at == '\n' || *r->at == '\r';
}

static void skip_line_end(csv_reader *r) {
    if (r->at < r->end && *r->at == '\r') r->at++;
    if (r->at < r->end && *r->at == '\n') r->at++;
    r->line++;
}

/* Pushes a quoted field, behind its opening quote. */
static bool push_quoted(csv_reader *r) {
    luaL_Buffer b;
    luaL_buffinit(r->L, &b);
    while (r->at < r->end) {
        const char *quote = memchr(r->at, r->quote, (size_t)(r->end - r->at));
        const char *until = quote ? quote : r->end;
        luaL_addlstring(&b, r->at, (size_t)(until - r->at));
        for (const char *c = r->at; c < until; c++)
            r->line += *c == '\n';
        r->at = until;
        if (!quote) return false;
        r->at++;
        if (r->at == r->end || *r->at != r->quote) {
            luaL_pushresult(&b);
            return true;
        }
        luaL_addchar(&b, r->quote);
        r->at++;
    }
    return false;
}

/* Pushes the next field of the line. */
static const char *push_field(csv_reader *r) {
    if (r->trim) {
        while (r->at < r->end && (*r->at == ' ' || (*r->at == '\t' && r->separator != '\t')))
            r->at++;
    }
    if (r->at < r->end && r->quote && *r->at == r->quote) {
        r->at++;
        if (!push_quoted(r)) return "a quote is opened and never closed";
        while (r->trim && r->at < r->end && *r->at == ' ')
            r->at++;
        if (!at_line_end(r) && *r->at != r->separator) return "something follows a closing quote";
        return NULL;
    }
    const char *from = r->at;
    while (!at_line_end(r) && *r->at != r->separator) {
        if (*r->at == '\0') return "a NUL character";
        r->at++;
    }
    span text = span_make(from, (size_t)(r->at - from));
    if (r->trim) text = span_trim(text);
    lua_pushlstring(r->L, text.data, text.len);
    return NULL;
}

/* Reads a row's fields into the table at the top; its length in *count. */
static const char *read_row(csv_reader *r, lua_Integer *count) {
    *count = 0;
    for (;;) {
        const char *words = push_field(r);
        if (words) return words;
        lua_rawseti(r->L, -2, ++*count);
        if (*count > COLUMNS_MAX) return "more than 10000 columns";
        if (at_line_end(r)) break;
        r->at++;
    }
    return NULL;
}

/* Turns the list on top into a row keyed by the names in the table at `columns`. */
static void key_row(lua_State *L, int columns, lua_Integer count) {
    lua_createtable(L, 0, (int)count);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, columns, i);
        lua_rawgeti(L, -3, i);
        lua_rawset(L, -3);
    }
    lua_replace(L, -2);
}

static void check_columns(lua_State *L, int columns, bool reject, int line) {
    lua_Integer count = (lua_Integer)lua_rawlen(L, columns);
    lua_createtable(L, 0, (int)count);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_rawgeti(L, columns, i) != LUA_TSTRING) sandbox_error(L, "csv: column %I has no name", i);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) != LUA_TNIL)
            fault(L, reject, line, lua_pushfstring(L, "two columns are called '%s'", lua_tostring(L, -2)));
        lua_pop(L, 1);
        lua_pushboolean(L, true);
        lua_rawset(L, -3);
    }
    lua_pop(L, 1);
}

void csv_push_rows(lua_State *L, span text, int options, bool reject) {
    csv_reader r = {.L = L, .at = text.data, .end = text.data + text.len, .line = 1};
    r.separator = option_character(L, options, "separator", ',');
    r.quote = option_character(L, options, "quote", '"');
    r.trim = value_option_flag(L, options, "trim", false);
    if (span_starts(text, SPAN("\xEF\xBB\xBF"))) r.at += 3;
    lua_Integer skip = 0, number = 0, count;
    lua_newtable(L);
    int rows = lua_gettop(L), columns = 0;
    bool header = true;
    if (options && lua_istable(L, options)) {
        lua_getfield(L, options, "skip");
        skip = luaL_optinteger(L, -1, 0);
        int kind = lua_getfield(L, options, "header");
        if (kind == LUA_TTABLE) columns = lua_gettop(L);
        header = kind == LUA_TNIL || lua_toboolean(L, -1);
    }
    for (; skip > 0 && r.at < r.end; skip--) {
        while (!at_line_end(&r))
            r.at++;
        skip_line_end(&r);
    }
    if (columns) check_columns(L, columns, false, 0);
    while (r.at < r.end) {
        if (at_line_end(&r)) {
            skip_line_end(&r);
            continue;
        }
        int line = r.line;
        lua_createtable(L, columns ? (int)lua_rawlen(L, columns) : 0, 0);
        const char *words = read_row(&r, &count);
        if (words) fault(L, reject, r.line, words);
        skip_line_end(&r);
        if (header && !columns) {
            columns = lua_gettop(L);
            check_columns(L, columns, reject, line);
            continue;
        }
        if (columns && count > (lua_Integer)lua_rawlen(L, columns))
            fault(L, reject, line,
                lua_pushfstring(L, "%d fields for %d columns", (int)count, (int)lua_rawlen(L, columns)));
        if (columns) key_row(L, columns, count);
        lua_rawseti(L, rows, ++number);
    }
    if (columns) {
        /* Found by its name and yet no member: the rows stay a list, also for JSON. */
        lua_createtable(L, 0, 1);
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, columns);
        lua_setfield(L, -2, "columns");
        lua_setfield(L, -2, "__index");
        lua_setmetatable(L, rows);
    }
    lua_settop(L, rows);
}

/* ---- writing ---- */

typedef struct csv_writer {
    lua_State *L;
    buf *out;
    char separator, quote;
    bool quote_all, safe;
    const char *line_end;
} csv_writer;

static void add_field(csv_writer *w, span text) {
    bool formula = w->safe && text.len > 0 && text.data[0] && strchr("=+-@\t\r", text.data[0]);
    bool quoted = w->quote_all || formula;
    for (size_t i = 0; i < text.len && !quoted; i++)
        quoted =
            text.data[i] == w->separator || text.data[i] == w->quote || text.data[i] == '\n' || text.data[i] == '\r';
    if (!quoted) {
        buf_add(w->out, text);
        return;
    }
    buf_add_char(w->out, w->quote);
    if (formula) buf_add_char(w->out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == w->quote) buf_add_char(w->out, w->quote);
        buf_add_char(w->out, text.data[i]);
    }
    buf_add_char(w->out, w->quote);
}

/* Adds the value on top and pops it. */
static void add_value(csv_writer *w, lua_Integer row, const char *column) {
    lua_State *L = w->L;
    if (!lua_isnil(L, -1) && !(lua_islightuserdata(L, -1))) {
        if (!value_push_text(L, lua_gettop(L)))
            sandbox_error(L, "csv: row %I, %s is a %s, not text or number", row, column, luaL_typename(L, -1));
        span text;
        text.data = lua_tolstring(L, -1, &text.len);
        add_field(w, text);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void add_named_row(csv_writer *w, int row, int columns, lua_Integer number) {
    lua_Integer count = (lua_Integer)lua_rawlen(w->L, columns);
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1) buf_add_char(w->out, w->separator);
        lua_rawgeti(w->L, columns, i);
        const char *name = lua_tostring(w->L, -1);
        lua_pushvalue(w->L, -1);
        lua_gettable(w->L, row);
        add_value(w, number, name);
        lua_pop(w->L, 1);
    }
}

static void add_listed_row(csv_writer *w, int row, lua_Integer number, lua_Integer least) {
    lua_Integer count = (lua_Integer)lua_rawlen(w->L, row);
    for (lua_Integer i = 1; i <= count || i <= least; i++) {
        char column[32];
        lua_pushfstring(w->L, "column %I", i);
        snprintf(column, sizeof column, "%s", lua_tostring(w->L, -1));
        lua_pop(w->L, 1);
        if (i > 1) buf_add_char(w->out, w->separator);
        lua_rawgeti(w->L, row, i);
        add_value(w, number, column);
    }
}

/* Is the table at `row` a list, or keyed by names? */
static bool is_listed(lua_State *L, int row) {
    lua_pushnil(L);
    if (!lua_next(L, row)) return true;
    bool listed = lua_type(L, -2) == LUA_TNUMBER;
    lua_pop(L, 2);
    return listed;
}

void csv_encode_rows(lua_State *L, int rows, int options, buf *out) {
    rows = lua_absindex(L, rows);
    if (options == 0 || lua_isnoneornil(L, options)) options = rows;
    csv_writer w = {.L = L, .out = out};
    w.separator = option_character(L, options, "separator", ',');
    w.quote_all = strcmp(value_option_text(L, options, "quote", "needed"), "all") == 0;
    w.quote = '"';
    w.safe = value_option_flag(L, options, "safe", false);
    w.line_end = value_option_text(L, options, "line_end", "\r\n");
    int columns = 0;
    if (lua_getfield(L, options, "columns") == LUA_TTABLE || lua_getfield(L, rows, "columns") == LUA_TTABLE) {
        columns = lua_gettop(L);
        check_columns(L, columns, false, 0);
    }
    lua_Integer width = columns ? (lua_Integer)lua_rawlen(L, columns) : 0;
    if (columns && value_option_flag(L, options, "header", true)) {
        add_listed_row(&w, columns, 0, 0);
        buf_add_text(out, w.line_end);
    }
    lua_Integer count = (lua_Integer)lua_rawlen(L, rows);
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_rawgeti(L, rows, i) != LUA_TTABLE)
            sandbox_error(L, "csv: row %I is a %s, not a table", i, luaL_typename(L, -1));
        int row = lua_gettop(L);
        if (is_listed(L, row))
            add_listed_row(&w, row, i, width);
        else if (columns)
            add_named_row(&w, row, columns, i);
        else
            sandbox_error(L, "csv: row %I is keyed by names, so `columns` must say their order", i);
        buf_add_text(out, w.line_end);
        if (out->overflow) break;
        lua_pop(L, 1);
    }
    if (out->overflow) sandbox_error(L, "output limit: the CSV is larger than %I bytes", (lua_Integer)out->maximum);
}

static int decode(lua_State *L) {
    span text;
    text.data = luaL_checklstring(L, 1, &text.len);
    lua_settop(L, 2);
    csv_push_rows(L, text, 2, false);
    return 1;
}

static int encode(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    buf *out = value_new_buf(L, sandbox_of(L)->limits.output_bytes);
    csv_encode_rows(L, 1, 2, out);
    value_push_buf(L, out);
    return 1;
}

int library_csv(lua_State *L) {
    static const luaL_Reg functions[] = {{"decode", decode}, {"encode", encode}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
