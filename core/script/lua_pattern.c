/* core/script/lua_pattern.c: string.find, match, gmatch and gsub that keep looking at the clock.
 *
 * Lua's own matcher backtracks without end where patterns such as (".-"):rep(8) meet the right text, and no hook sees
 * it. This one has the same language (§6.4.1 of the manual) and counts its steps; every few thousand it asks whether
 * the script's computing time is used up. Depth is bounded: a pattern item costs a level only where it must be tried
 * again.
 */
#include "core/script/library.h"
#include "core/script/sandbox.h"

#include <ctype.h>

enum { CAPTURES_MAX = 32, DEPTH_MAX = 200, STEPS_BETWEEN_LOOKS = 4096 };
enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

typedef struct matcher {
    lua_State *L;
    const char *text, *text_end, *pattern_end;
    const char *end; /* where the last match ended */
    unsigned steps;
    int depth, captures;
    struct {
        const char *start;
        ptrdiff_t len; /* or CAPTURE_OPEN, CAPTURE_POSITION */
    } capture[CAPTURES_MAX];
} matcher;

static bool match(matcher *m, const char *s, const char *p);

static void step(matcher *m) {
    if (++m->steps % STEPS_BETWEEN_LOOKS == 0) sandbox_check_time(m->L);
}

/* ---- one character ---- */

static bool in_letter_class(unsigned char c, char letter) {
    bool is;
    switch (tolower((unsigned char)letter)) {
    case 'a': is = isalpha(c); break;
    case 'c': is = iscntrl(c); break;
    case 'd': is = isdigit(c); break;
    case 'g': is = isgraph(c); break;
    case 'l': is = islower(c); break;
    case 'p': is = ispunct(c); break;
    case 's': is = isspace(c); break;
    case 'u': is = isupper(c); break;
    case 'w': is = isalnum(c); break;
    case 'x': is = isxdigit(c); break;
    default: return c == (unsigned char)letter;
    }
    return isupper((unsigned char)letter) ? !is : is;
}

/* Behind the item that begins at `p`: a character, %x, or [set]. */
static const char *item_end(matcher *m, const char *p) {
    char c = *p++;
    if (c == '%') {
        if (p == m->pattern_end) sandbox_error(m->L, "malformed pattern (ends with '%%')");
        return p + 1;
    }
    if (c != '[') return p;
    if (p < m->pattern_end && *p == '^') p++;
    do { /* the first character stands for itself, also ] */
        if (p == m->pattern_end) sandbox_error(m->L, "malformed pattern (missing ']')");
        if (*p++ == '%') p++;
        if (p > m->pattern_end) sandbox_error(m->L, "malformed pattern (missing ']')");
    } while (p == m->pattern_end || *p != ']');
    return p + 1;
}

/* `p` is at [, `end` behind ]. */
static bool in_set(unsigned char c, const char *p, const char *end) {
    bool inside = true;
    const char *close = end - 1;
    p++;
    if (*p == '^') {
        inside = false;
        p++;
    }
    for (; p < close; p++) {
        if (*p == '%') {
            p++;
            if (in_letter_class(c, *p)) return inside;
        } else if (p + 2 < close && p[1] == '-') {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) return inside;
            p += 2;
        } else if ((unsigned char)*p == c) {
            return inside;
        }
    }
    return !inside;
}

static bool matches_one(const matcher *m, const char *s, const char *p, const char *end) {
    if (s >= m->text_end) return false;
    switch (*p) {
    case '.': return true;
    case '%': return in_letter_class((unsigned char)*s, p[1]);
    case '[': return in_set((unsigned char)*s, p, end);
    default: return *p == *s;
    }
}

/* ---- items that are tried again ---- */

static bool match_greedy(matcher *m, const char *s, const char *p, const char *end) {
    ptrdiff_t count = 0;
    while (matches_one(m, s + count, p, end)) {
        count++;
        step(m);
    }
    for (; count >= 0; count--) {
        if (match(m, s + count, end + 1)) return true;
    }
    return false;
}

static bool match_lazy(matcher *m, const char *s, const char *p, const char *end) {
    for (;;) {
        if (match(m, s, end + 1)) return true;
        if (!matches_one(m, s, p, end)) return false;
        s++;
        step(m);
    }
}

/* %bxy, `p` at x */
static const char *match_balanced(matcher *m, const char *s, const char *p) {
    if (m->pattern_end - p < 2) sandbox_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s >= m->text_end || *s != p[0]) return NULL;
    int open = 1;
    for (s++; s < m->text_end; s++) {
        step(m);
        if (*s == p[1]) {
            if (--open == 0) return s + 1;
        } else if (*s == p[0]) {
            open++;
        }
    }
    return NULL;
}

static bool start_capture(matcher *m, const char *s, const char *p, ptrdiff_t kind) {
    if (m->captures >= CAPTURES_MAX) sandbox_error(m->L, "too many captures");
    m->capture[m->captures].start = s;
    m->capture[m->captures].len = kind;
    m->captures++;
    if (match(m, s, p)) return true;
    m->captures--;
    return false;
}

static bool end_capture(matcher *m, const char *s, const char *p) {
    int open = m->captures - 1;
    while (open >= 0 && m->capture[open].len != CAPTURE_OPEN)
        open--;
    if (open < 0) sandbox_error(m->L, "invalid pattern capture");
    m->capture[open].len = s - m->capture[open].start;
    if (match(m, s, p)) return true;
    m->capture[open].len = CAPTURE_OPEN;
    return false;
}

/* %1 to %9: the text of a capture again. */
static const char *match_again(matcher *m, const char *s, char digit) {
    int index = digit - '1';
    if (index < 0 || index >= m->captures || m->capture[index].len == CAPTURE_OPEN)
        sandbox_error(m->L, "invalid capture index %%%d in pattern", index + 1);
    if (m->capture[index].len < 0) return NULL;
    size_t len = (size_t)m->capture[index].len;
    if ((size_t)(m->text_end - s) < len) return NULL;
    /* A capture below m->captures has a start. */
    if (memcmp(m->capture[index].start, s, len) != 0) return NULL; /* NOLINT(clang-analyzer-core.NonNullParamChecker) */
    return s + len;
}

/* %f[set]: a border into the set. Returns the pattern behind the set, NULL when there is no border. */
static const char *match_frontier(matcher *m, const char *s, const char *p) {
    if (p >= m->pattern_end || *p != '[') sandbox_error(m->L, "missing '[' after '%%f' in pattern");
    const char *end = item_end(m, p);
    unsigned char before = s == m->text ? 0 : (unsigned char)s[-1];
    unsigned char here = s < m->text_end ? (unsigned char)*s : 0;
    return !in_set(before, p, end) && in_set(here, p, end) ? end : NULL;
}

/* Does `p` match at `s`? Then m->end is where. */
static bool match(matcher *m, const char *s, const char *p) {
    bool found = false;
    if (++m->depth > DEPTH_MAX) sandbox_error(m->L, "pattern too complex");
    for (;;) {
        step(m);
        if (p == m->pattern_end) {
            m->end = s;
            found = true;
            break;
        }
        if (*p == '(') {
            bool position = p + 1 < m->pattern_end && p[1] == ')';
            found = start_capture(m, s, p + (position ? 2 : 1), position ? CAPTURE_POSITION : CAPTURE_OPEN);
            break;
        }
        if (*p == ')') {
            found = end_capture(m, s, p + 1);
            break;
        }
        if (*p == '$' && p + 1 == m->pattern_end) {
            m->end = s;
            found = s == m->text_end;
            break;
        }
        if (*p == '%' && p + 1 < m->pattern_end && (p[1] == 'b' || p[1] == 'f' || isdigit((unsigned char)p[1]))) {
            char kind = p[1];
            if (kind == 'f') {
                const char *behind = match_frontier(m, s, p + 2);
                if (!behind) break;
                p = behind;
            } else {
                const char *next = kind == 'b' ? match_balanced(m, s, p + 2) : match_again(m, s, kind);
                if (!next) break;
                s = next;
                p += kind == 'b' ? 4 : 2;
            }
            continue;
        }
        const char *end = item_end(m, p);
        char suffix = end < m->pattern_end ? *end : '\0';
        if (suffix == '*' || (suffix == '+' && matches_one(m, s, p, end))) {
            found = match_greedy(m, suffix == '+' ? s + 1 : s, p, end);
            break;
        }
        if (suffix == '-') {
            found = match_lazy(m, s, p, end);
            break;
        }
        if (suffix == '?') {
            if (matches_one(m, s, p, end) && (found = match(m, s + 1, end + 1))) break;
            p = end + 1;
            continue;
        }
        if (suffix == '+' || !matches_one(m, s, p, end)) break;
        s++;
        p = end;
    }
    m->depth--;
    return found;
}

/* ---- captures ---- */

/* Pushes capture `index`, or the whole match when there is none. */
static void push_capture(matcher *m, int index, const char *s, const char *e) {
    if (index >= m->captures) {
        if (index != 0) sandbox_error(m->L, "invalid capture index %%%d", index + 1);
        lua_pushlstring(m->L, s, (size_t)(e - s));
        return;
    }
    ptrdiff_t len = m->capture[index].len;
    if (len == CAPTURE_OPEN) sandbox_error(m->L, "unfinished capture");
    if (len == CAPTURE_POSITION)
        lua_pushinteger(m->L, m->capture[index].start - m->text + 1);
    else
        lua_pushlstring(m->L, m->capture[index].start, (size_t)len);
}

static int push_captures(matcher *m, const char *s, const char *e, bool whole) {
    int count = m->captures == 0 && whole ? 1 : m->captures;
    luaL_checkstack(m->L, count, "too many captures");
    for (int i = 0; i < count; i++)
        push_capture(m, i, s, e);
    return count;
}

static void start_match(matcher *m) {
    m->captures = 0;
    m->depth = 0;
}

static matcher matcher_of(lua_State *L, span text, span pattern) {
    return (matcher){.L = L,
        .text = text.data,
        .text_end = text.data + text.len,
        .end = text.data,
        .pattern_end = pattern.data + pattern.len};
}

/* ---- the functions ---- */

static bool has_specials(span pattern) {
    for (size_t i = 0; i < pattern.len; i++) {
        if (strchr("^$*+?.([%-", pattern.data[i]) && pattern.data[i]) return true;
    }
    return false;
}

static int find_or_match(lua_State *L, bool find) {
    span text, pattern;
    text.data = luaL_checklstring(L, 1, &text.len);
    pattern.data = luaL_checklstring(L, 2, &pattern.len);
    lua_Integer init = luaL_optinteger(L, 3, 1);
    if (init < 0) init = init < -(lua_Integer)text.len ? 1 : (lua_Integer)text.len + init + 1;
    if (init == 0) init = 1;
    if (init > (lua_Integer)text.len + 1) {
        luaL_pushfail(L);
        return 1;
    }
    const char *s = text.data + init - 1;
    if (find && (lua_toboolean(L, 4) || !has_specials(pattern))) {
        size_t left = text.len - (size_t)(s - text.data);
        const char *found = pattern.len == 0 ? s : memmem(s, left, pattern.data, pattern.len);
        if (!found) {
            luaL_pushfail(L);
            return 1;
        }
        lua_pushinteger(L, found - text.data + 1);
        lua_pushinteger(L, found - text.data + (lua_Integer)pattern.len);
        return 2;
    }
    bool anchored = pattern.len > 0 && pattern.data[0] == '^';
    matcher m = matcher_of(L, text, pattern);
    do {
        start_match(&m);
        if (!match(&m, s, pattern.data + anchored)) continue;
        const char *e = m.end;
        if (!find) return push_captures(&m, s, e, true);
        lua_pushinteger(L, s - text.data + 1);
        lua_pushinteger(L, e - text.data);
        return push_captures(&m, NULL, NULL, false) + 2;
    } while (s++ < m.text_end && !anchored);
    luaL_pushfail(L);
    return 1;
}

static int string_find(lua_State *L) {
    return find_or_match(L, true);
}

static int string_match(lua_State *L) {
    return find_or_match(L, false);
}

/* Upvalues: text, pattern, where to go on, where the last match ended (offsets). */
static int next_match(lua_State *L) {
    span text, pattern;
    text.data = lua_tolstring(L, lua_upvalueindex(1), &text.len);
    pattern.data = lua_tolstring(L, lua_upvalueindex(2), &pattern.len);
    lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
    matcher m = matcher_of(L, text, pattern);
    for (const char *s = text.data + lua_tointeger(L, lua_upvalueindex(3)); s <= m.text_end; s++) {
        start_match(&m);
        if (!match(&m, s, pattern.data) || m.end - text.data == last) continue;
        const char *e = m.end;
        lua_pushinteger(L, e - text.data);
        lua_copy(L, -1, lua_upvalueindex(3));
        lua_replace(L, lua_upvalueindex(4));
        return push_captures(&m, s, e, true);
    }
    return 0;
}

static int string_gmatch(lua_State *L) {
    size_t len;
    luaL_checklstring(L, 1, &len);
    luaL_checkstring(L, 2);
    lua_Integer init = luaL_optinteger(L, 3, 1);
    if (init < 0) init = init < -(lua_Integer)len ? 1 : (lua_Integer)len + init + 1;
    if (init == 0) init = 1;
    if (init > (lua_Integer)len + 1) init = (lua_Integer)len + 2;
    lua_settop(L, 2);
    lua_pushinteger(L, init - 1);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, next_match, 4);
    return 1;
}

/* Adds the text replacement at index 3 with its %0 to %9. */
static void add_replacement_text(matcher *m, luaL_Buffer *b, const char *s, const char *e) {
    span with;
    with.data = lua_tolstring(m->L, 3, &with.len);
    for (size_t i = 0; i < with.len; i++) {
        char c = with.data[i];
        if (c != '%') {
            luaL_addchar(b, c);
            continue;
        }
        c = ++i < with.len ? with.data[i] : '\0';
        if (c == '%') {
            luaL_addchar(b, '%');
        } else if (c == '0') {
            luaL_addlstring(b, s, (size_t)(e - s));
        } else if (isdigit((unsigned char)c)) {
            push_capture(m, c - '1', s, e);
            luaL_tolstring(m->L, -1, NULL);
            lua_remove(m->L, -2);
            luaL_addvalue(b);
        } else {
            sandbox_error(m->L, "invalid use of '%%' in replacement string");
        }
    }
}

/* Adds what replaces the match: itself for false and nil. */
static void add_replacement(matcher *m, luaL_Buffer *b, const char *s, const char *e, int kind) {
    lua_State *L = m->L;
    if (kind == LUA_TSTRING || kind == LUA_TNUMBER) {
        add_replacement_text(m, b, s, e);
        return;
    }
    if (kind == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(m, s, e, true), 1);
    } else {
        push_capture(m, 0, s, e);
        lua_gettable(L, 3);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(b, s, (size_t)(e - s));
        return;
    }
    if (!lua_isstring(L, -1)) sandbox_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(b);
}

static int string_gsub(lua_State *L) {
    span text, pattern;
    text.data = luaL_checklstring(L, 1, &text.len);
    pattern.data = luaL_checklstring(L, 2, &pattern.len);
    int kind = lua_type(L, 3);
    luaL_argexpected(L, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION || kind == LUA_TTABLE, 3,
        "string/function/table");
    lua_Integer limit = luaL_optinteger(L, 4, (lua_Integer)text.len + 1), count = 0;
    bool anchored = pattern.len > 0 && pattern.data[0] == '^';
    matcher m = matcher_of(L, text, pattern);
    const char *s = text.data, *last = NULL;
    luaL_Buffer b;
    lua_settop(L, 3);
    luaL_buffinit(L, &b);
    while (count < limit) {
        start_match(&m);
        bool found = match(&m, s, pattern.data + anchored);
        const char *e = m.end;
        if (found && e != last) {
            count++;
            add_replacement(&m, &b, s, e, kind);
            s = last = e;
        } else if (s < m.text_end) {
            luaL_addlstring(&b, s++, 1);
        } else {
            break;
        }
        if (anchored) break;
    }
    luaL_addlstring(&b, s, (size_t)(m.text_end - s));
    luaL_pushresult(&b);
    lua_pushinteger(L, count);
    return 2;
}

void library_open_patterns(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"find", string_find}, {"match", string_match}, {"gmatch", string_gmatch}, {"gsub", string_gsub}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
