/* core/script/lua_edi_json.c: EDI documents as JSON without a way through Lua's tables.
 *
 * A result {json = message.edi} and edi.json(document) give the shape of `banyan edi json`, which loses nothing: the
 * document alone in an interchange of its own.
 */
#include "core/script/lua_edi.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"
#include "edi/json.h"

bool edi_encode_json(lua_State *L, int index, int indent, buf *out) {
    span file;
    const edi_document *document = edi_document_at(L, index, &file);
    const edi_json_options options = {.compact = indent == 0};
    if (!document) return false;
    buf *alone = value_new_buf(L, file.len + sandbox_of(L)->limits.output_bytes);
    error *err = edi_document_alone(file, document, alone);
    if (!err) err = edi_to_json(buf_span(alone), sandbox_of(L)->schemas, &options, edi_sink_buf, out);
    if (err && !out->overflow) sandbox_raise(L, err);
    error_free(err); /* of an overflow whoever asked tells */
    buf_free(alone);
    lua_pop(L, 1);
    return true;
}

int edi_lua_json(lua_State *L) {
    bool indent = value_option_flag(L, lua_gettop(L) < 2 ? 0 : 2, "indent", false);
    buf *out = value_new_buf(L, sandbox_of(L)->limits.output_bytes);
    if (!edi_encode_json(L, 1, indent, out)) {
        bool loop = lua_type(L, 1) == LUA_TUSERDATA && value_is_kind(L, 1, KIND_RANGE);
        return luaL_error(L, "edi.json: a document was expected, such as message.edi; this is a %s",
            loop ? "loop of one" : value_type_name(L, 1));
    }
    value_push_buf(L, out);
    return 1;
}

int edi_lua_from_json(lua_State *L) {
    span text;
    text.data = luaL_checklstring(L, 1, &text.len);
    buf *out = value_new_buf(L, sandbox_of(L)->limits.output_bytes);
    error *err = edi_from_json(text, out);
    if (err && !out->overflow) {
        lua_pushstring(L, error_text(err));
        error_free(err);
        sandbox_reject(L, "malformed", "", "the JSON is no EDI: %s", lua_tostring(L, -1));
    }
    error_free(err);
    value_push_buf(L, out);
    return 1;
}
