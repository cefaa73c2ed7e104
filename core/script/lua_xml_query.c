/* core/script/lua_xml_query.c: XPath 1.0 and XML Schema over texts, for lib/xml.lua.
 *
 * Everything comes from memory: what a schema imports or includes is refused, nothing is read from files or the net.
 * XPath is bounded by libxml2's count of operations, both by the sizes of texts.
 */
#include "core/script/lua_xml.h"

#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <libxml/xmlschemas.h>
#include <libxml/xpathInternals.h>
#include <stdio.h>

enum { NODES_MAX = 100000, FAULTS_MAX = 100, OPERATIONS_MAX = 5000000, SCHEMA_BYTES_MAX = 4 * 1024 * 1024 };

/* What is freed with the state, whatever is raised in between. */
typedef struct query {
    xmlXPathContextPtr context;
    xmlXPathObjectPtr found;
    xmlSchemaPtr schema;
    xmlSchemaParserCtxtPtr schema_parser;
    xmlSchemaValidCtxtPtr validator;
    lua_State *L; /* where faults are collected: a table on top of its stack */
    int faults;
    char first[200];
} query;

static int free_query(lua_State *L) {
    query *q = lua_touserdata(L, 1);
    if (q->found) xmlXPathFreeObject(q->found);
    if (q->context) xmlXPathFreeContext(q->context);
    if (q->validator) xmlSchemaFreeValidCtxt(q->validator);
    if (q->schema_parser) xmlSchemaFreeParserCtxt(q->schema_parser);
    if (q->schema) xmlSchemaFree(q->schema);
    *q = (query){.faults = 0};
    return 0;
}

static query *new_query(lua_State *L) {
    query *q = lua_newuserdatauv(L, sizeof *q, 0);
    *q = (query){.L = L};
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, free_query);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return q;
}

static void note_fault(void *context, xmlErrorPtr fault) {
    query *q = context;
    q->faults++;
    if (q->first[0]) return;
    snprintf(q->first, sizeof q->first, "%s", fault->message ? fault->message : "it is not valid");
    q->first[strcspn(q->first, "\r\n")] = '\0';
}

/* ---- XPath ---- */

static void push_node(lua_State *L, xmlNodePtr node) {
    if (node->type == XML_ELEMENT_NODE) {
        xml_push_tree(L, node);
        return;
    }
    xmlChar *content = xmlNodeGetContent(node);
    lua_pushstring(L, content ? (const char *)content : "");
    xmlFree(content);
}

static void push_found(lua_State *L, xmlXPathObjectPtr found) {
    switch (found->type) {
    case XPATH_BOOLEAN: lua_pushboolean(L, found->boolval); return;
    case XPATH_NUMBER:
        if (found->floatval >= -9e15 && found->floatval <= 9e15 && found->floatval == (double)(int64_t)found->floatval)
            lua_pushinteger(L, (lua_Integer)found->floatval);
        else
            lua_pushnumber(L, found->floatval);
        return;
    case XPATH_STRING: lua_pushstring(L, (const char *)found->stringval); return;
    default: break;
    }
    int count = found->nodesetval ? found->nodesetval->nodeNr : 0;
    if (count > NODES_MAX) sandbox_error(L, "xml.query: the path finds more than %d nodes", NODES_MAX);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        xmlNodePtr node = found->nodesetval->nodeTab[i];
        sandbox_check_time(L);
        if (node->type == XML_NAMESPACE_DECL) continue;
        push_node(L, node->type == XML_DOCUMENT_NODE ? xmlDocGetRootElement((xmlDocPtr)node) : node);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
}

/* query(text, expression, {prefix = uri}) → a list of elements and texts, a number, a text or a boolean */
int xml_query(lua_State *L) {
    const char *expression = luaL_checkstring(L, 2);
    lua_settop(L, 3);
    xmlDocPtr tree = xml_parse(L, 1, false);
    query *q = new_query(L);
    q->context = xmlXPathNewContext(tree);
    if (!q->context) return luaL_error(L, "xml.query: out of memory");
    q->context->opLimit = OPERATIONS_MAX;
    q->context->node = xmlDocGetRootElement(tree);
    if (!lua_isnil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
                return luaL_argerror(L, 3, "namespaces are {prefix = uri}");
            xmlXPathRegisterNs(q->context, (const xmlChar *)lua_tostring(L, -2), (const xmlChar *)lua_tostring(L, -1));
        }
    }
    xmlSetStructuredErrorFunc(q, note_fault);
    q->found = xmlXPathEvalExpression((const xmlChar *)expression, q->context);
    xmlSetStructuredErrorFunc(NULL, NULL);
    if (!q->found) return luaL_error(L, "xml.query: '%s': %s", expression, q->first[0] ? q->first : "not an XPath");
    push_found(L, q->found);
    return 1;
}

/* ---- XML Schema ---- */

/* Adds {line, text} to the table on top of the stack. */
static void add_fault(void *context, xmlErrorPtr fault) {
    query *q = context;
    lua_State *L = q->L;
    if (q->faults++ >= FAULTS_MAX) return;
    const char *message = fault->message ? fault->message : "it is not valid";
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, message, strcspn(message, "\r\n"));
    lua_setfield(L, -2, "text");
    lua_pushinteger(L, fault->line);
    lua_setfield(L, -2, "line");
    lua_rawseti(L, -2, q->faults);
}

/* validate(text, schema) → a list of {line, text}, empty when the document is valid; malformed texts raise */
int xml_validate(lua_State *L) {
    span schema;
    schema.data = luaL_checklstring(L, 2, &schema.len);
    if (schema.len > SCHEMA_BYTES_MAX) return luaL_error(L, "xml.validate: the schema is larger than 4 MiB");
    lua_settop(L, 2);
    xmlDocPtr tree = xml_parse(L, 1, false);
    xmlDocPtr definition = xml_parse(L, 2, false); /* so that a DOCTYPE is refused in the schema too */
    query *q = new_query(L);
    q->schema_parser = xmlSchemaNewDocParserCtxt(definition);
    if (!q->schema_parser) return luaL_error(L, "xml.validate: out of memory");
    xmlSchemaSetParserStructuredErrors(q->schema_parser, note_fault, q);
    q->schema = xmlSchemaParse(q->schema_parser);
    if (!q->schema) return luaL_error(L, "xml.validate: the schema: %s", q->first[0] ? q->first : "not an XML Schema");
    q->faults = 0;
    q->validator = xmlSchemaNewValidCtxt(q->schema);
    if (!q->validator) return luaL_error(L, "xml.validate: out of memory");
    luaL_checkstack(L, 16, "XML");
    lua_newtable(L);
    xmlSchemaSetValidStructuredErrors(q->validator, add_fault, q);
    if (xmlSchemaValidateDoc(q->validator, tree) < 0)
        return luaL_error(L, "xml.validate: the schema cannot be applied");
    return 1;
}
