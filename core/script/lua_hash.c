/* core/script/lua_hash.c: the modules `hash` and `uuid`.
 *
 *   hash.sha256(text), hash.sha1, hash.sha384, hash.sha512      → lower-case hexadecimal
 *   hash.hmac(key, text [, "sha256"])                            → the same, RFC 2104
 *   hash.crc32(text)                                             → a number, as in gzip
 *   hash.hex(bytes), hash.from_hex(text), hash.base64(bytes), hash.from_base64(text), hash.base64url,
 * hash.from_base64url uuid.v4(), uuid.v7(), uuid.v5(namespace, name), uuid.is(text)
 *
 * uuid.v4 and v7 follow from the message, the script's version, and how many were made before: a message that is tried
 * again gets the same ones, so that what it made the first time is recognised. They are unique, but no secrets.
 */
#include "core/base/base64.h"
#include "core/base/id.h"
#include "core/crypto/digest.h"
#include "core/crypto/hmac.h"
#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <zlib.h>

enum { UUID_BYTES = 16 };

static const char hex_digits[] = "0123456789abcdef";

static span check_bytes(lua_State *L, int argument) {
    span bytes;
    bytes.data = luaL_checklstring(L, argument, &bytes.len);
    return bytes;
}

static void push_hex(lua_State *L, const unsigned char *bytes, size_t len) {
    luaL_Buffer b;
    char *text = luaL_buffinitsize(L, &b, 2 * len + 1);
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = hex_digits[bytes[i] >> 4];
        text[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    luaL_pushresultsize(&b, 2 * len);
}

/* ---- digests ---- */

static size_t digest_of(digest_kind kind, span first, span second, unsigned char out[DIGEST_BYTES_MAX]) {
    digest *d = digest_new(kind);
    if (first.len > 0) digest_update(d, first);
    if (second.len > 0) digest_update(d, second);
    return digest_finish(d, out);
}

static int push_digest(lua_State *L, digest_kind kind) {
    unsigned char out[DIGEST_BYTES_MAX];
    size_t len = digest_of(kind, check_bytes(L, 1), (span){NULL, 0}, out);
    push_hex(L, out, len);
    return 1;
}

static int hash_sha1(lua_State *L) {
    return push_digest(L, DIGEST_SHA1);
}

static int hash_sha256(lua_State *L) {
    return push_digest(L, DIGEST_SHA256);
}

static int hash_sha384(lua_State *L) {
    return push_digest(L, DIGEST_SHA384);
}

static int hash_sha512(lua_State *L) {
    return push_digest(L, DIGEST_SHA512);
}

static int hash_hmac(lua_State *L) {
    static const char *const names[] = {"sha1", "sha256", "sha384", "sha512", NULL};
    static const digest_kind kinds[] = {DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};
    span key = check_bytes(L, 1), bytes = check_bytes(L, 2);
    digest_kind kind = kinds[luaL_checkoption(L, 3, "sha256", names)];
    unsigned char out[DIGEST_BYTES_MAX];
    hmac *h = hmac_new(kind, key);
    hmac_update(h, bytes);
    size_t len = hmac_finish(h, out);
    push_hex(L, out, len);
    return 1;
}

static int hash_crc32(lua_State *L) {
    span bytes = check_bytes(L, 1);
    lua_pushinteger(L, (lua_Integer)crc32_z(0, (const unsigned char *)bytes.data, bytes.len));
    return 1;
}

/* ---- texts for bytes ---- */

static int hash_hex(lua_State *L) {
    span bytes = check_bytes(L, 1);
    if (bytes.len > sandbox_of(L)->limits.memory_bytes / 2) return luaL_error(L, "hash.hex: the text is too long");
    push_hex(L, (const unsigned char *)bytes.data, bytes.len);
    return 1;
}

static int digit_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int hash_from_hex(lua_State *L) {
    span text = check_bytes(L, 1);
    luaL_Buffer b;
    char *bytes = luaL_buffinitsize(L, &b, text.len / 2 + 1);
    if (text.len % 2) return luaL_error(L, "hash.from_hex: the text has an odd number of digits");
    for (size_t i = 0; i < text.len; i += 2) {
        int high = digit_value(text.data[i]), low = digit_value(text.data[i + 1]);
        if (high < 0 || low < 0) return luaL_error(L, "hash.from_hex: there is no digit at %d", (int)i + 1);
        bytes[i / 2] = (char)(high << 4 | low);
    }
    luaL_pushresultsize(&b, text.len / 2);
    return 1;
}

static int convert(lua_State *L, void (*write)(span, buf *)) {
    buf *out = value_new_buf(L, sandbox_of(L)->limits.memory_bytes);
    write(check_bytes(L, 1), out);
    value_push_buf(L, out);
    return 1;
}

static int convert_back(lua_State *L, bool (*read)(span, buf *), const char *what) {
    buf *out = value_new_buf(L, sandbox_of(L)->limits.memory_bytes);
    if (!read(check_bytes(L, 1), out)) return luaL_error(L, "the text is not %s", what);
    value_push_buf(L, out);
    return 1;
}

static int hash_base64(lua_State *L) {
    return convert(L, base64_write);
}

static int hash_base64url(lua_State *L) {
    return convert(L, base64url_write);
}

static int hash_from_base64(lua_State *L) {
    return convert_back(L, base64_read, "base64");
}

static int hash_from_base64url(lua_State *L) {
    return convert_back(L, base64url_read, "base64url");
}

int library_hash(lua_State *L) {
    static const luaL_Reg functions[] = {{"sha1", hash_sha1}, {"sha256", hash_sha256}, {"sha384", hash_sha384},
        {"sha512", hash_sha512}, {"hmac", hash_hmac}, {"crc32", hash_crc32}, {"hex", hash_hex},
        {"from_hex", hash_from_hex}, {"base64", hash_base64}, {"from_base64", hash_from_base64},
        {"base64url", hash_base64url}, {"from_base64url", hash_from_base64url}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

/* ---- UUIDs (RFC 9562) ---- */

static int push_uuid(lua_State *L, unsigned char bytes[UUID_BYTES], int version) {
    char text[ID_SIZE];
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | version << 4);
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    lua_pushstring(L, id_format(bytes, text));
    return 1;
}

/* Sixteen bytes that nobody else gets and a second try of the message gets again. */
static void derive(lua_State *L, unsigned char bytes[UUID_BYTES]) {
    sandbox *box = sandbox_of(L);
    const json_t *message = json_get_object(box->call, "message");
    unsigned char out[DIGEST_BYTES_MAX];
    const char *id = json_get_text(message, "id", NULL);
    buf seed = BUF_MAX(4096);
    buf_printf(&seed, "%s\n%s\n%lld\n%lld\n%llu\n", box->script ? box->script : "",
        json_get_text(box->call, "function", ""), (long long)json_get_integer(message, "document", 0),
        id ? 0LL : (long long)(box->services->now_ms ? box->services->now_ms(box->services->context) : 0),
        (unsigned long long)++box->uuids);
    if (id) buf_add_text(&seed, id);
    digest_of(DIGEST_SHA256, buf_span(&seed), id ? (span){NULL, 0} : box->payload, out);
    buf_free(&seed);
    memcpy(bytes, out, UUID_BYTES);
}

static int uuid_v4(lua_State *L) {
    unsigned char bytes[UUID_BYTES];
    derive(L, bytes);
    return push_uuid(L, bytes, 4);
}

/* Sorts by the time it was made, which a second try does not keep: for keys that must stay, v4. */
static int uuid_v7(lua_State *L) {
    unsigned char bytes[UUID_BYTES];
    const script_services *services = sandbox_of(L)->services;
    uint64_t now = services->now_ms ? (uint64_t)services->now_ms(services->context) : 0;
    derive(L, bytes);
    for (int i = 5; i >= 0; i--, now >>= 8)
        bytes[i] = (unsigned char)now;
    return push_uuid(L, bytes, 7);
}

static bool parse_uuid(span text, unsigned char bytes[UUID_BYTES]) {
    size_t at = 0;
    if (text.len != ID_SIZE - 1) return false;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (text.data[at++] != '-') return false;
        }
        int high = digit_value(text.data[at]), low = digit_value(text.data[at + 1]);
        if (high < 0 || low < 0) return false;
        bytes[i] = (unsigned char)(high << 4 | low);
        at += 2;
    }
    return true;
}

/* Names of namespaces: RFC 9562 §6.6. */
static int uuid_v5(lua_State *L) {
    static const struct {
        const char *name, *uuid;
    } known[] = {{"dns", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, {"url", "6ba7b811-9dad-11d1-80b4-00c04fd430c8"},
        {"oid", "6ba7b812-9dad-11d1-80b4-00c04fd430c8"}, {"x500", "6ba7b814-9dad-11d1-80b4-00c04fd430c8"}};
    span space = check_bytes(L, 1), name = check_bytes(L, 2);
    unsigned char bytes[UUID_BYTES], out[DIGEST_BYTES_MAX];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (span_is(space, known[i].name)) space = span_of(known[i].uuid);
    }
    if (!parse_uuid(space, bytes)) return luaL_argerror(L, 1, "a UUID, or dns, url, oid or x500 was expected");
    digest_of(DIGEST_SHA1, span_make((char *)bytes, sizeof bytes), name, out);
    return push_uuid(L, out, 5);
}

static int uuid_is(lua_State *L) {
    unsigned char bytes[UUID_BYTES];
    span text = {NULL, 0};
    if (lua_type(L, 1) == LUA_TSTRING) text.data = lua_tolstring(L, 1, &text.len);
    lua_pushboolean(L, text.data && parse_uuid(text, bytes));
    return 1;
}

int library_uuid(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"v4", uuid_v4}, {"v5", uuid_v5}, {"v7", uuid_v7}, {"is", uuid_is}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
