/* core/script/lua_xml.c: the module `xml.core`: text to plain tables and back; lib/xml.lua puts paths on top.
 *
 * An element is {name, attributes, children, text}: `children` are elements, `text` is the character data directly
 * inside, joined. Names keep their prefix as written. libxml2 reads without network, external entities or DTDs: a
 * DOCTYPE is refused the moment it is seen, before anything in it is looked at.
 */
#include "core/script/lua_xml.h"

#include "core/script/library.h"
#include "core/script/sandbox.h"
#include "core/script/values.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <stdio.h>

enum { XML_BYTES_MAX = 16 * 1024 * 1024, XML_ATTRIBUTES_MAX = 1000, XML_DEPTH_MAX = 128 };

static char document_key; /* its address names the metatable of documents in the registry */

/* What is freed with the state, whatever is raised in between. */
typedef struct document {
    xmlParserCtxtPtr context;
    xmlDocPtr tree;
    char fault[200];
    int line;
} document;

static int free_document(lua_State *L) {
    document *d = lua_touserdata(L, 1);
    if (d->tree) xmlFreeDoc(d->tree);
    if (d->context) xmlFreeParserCtxt(d->context);
    *d = (document){0};
    return 0;
}

static document *new_document(lua_State *L) {
    document *d = lua_newuserdatauv(L, sizeof *d, 0);
    *d = (document){0};
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &document_key) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, free_document);
        lua_setfield(L, -2, "__gc");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &document_key);
    }
    lua_setmetatable(L, -2);
    return d;
}

static void refuse_doctype(void *context, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id) {
    xmlParserCtxtPtr parser = context;
    document *d = parser->_private;
    (void)name, (void)external_id, (void)system_id;
    snprintf(d->fault, sizeof d->fault, "a DOCTYPE is not accepted");
    d->line = xmlSAX2GetLineNumber(parser);
    xmlStopParser(parser);
}

static void keep_first_fault(void *context, xmlErrorPtr fault) {
    document *d = context;
    if (d->fault[0]) return;
    snprintf(d->fault, sizeof d->fault, "%s", fault->message ? fault->message : "malformed");
    d->fault[strcspn(d->fault, "\r\n")] = '\0';
    d->line = fault->line;
}

static void push_name(lua_State *L, const xmlNs *space, const xmlChar *name) {
    if (space && space->prefix)
        lua_pushfstring(L, "%s:%s", (const char *)space->prefix, (const char *)name);
    else
        lua_pushstring(L, (const char *)name);
}

static void push_attributes(lua_State *L, const xmlNode *node) {
    int count = 0;
    lua_newtable(L);
    for (const xmlNs *space = node->nsDef; space; space = space->next) {
        if (space->prefix)
            lua_pushfstring(L, "xmlns:%s", (const char *)space->prefix);
        else
            lua_pushliteral(L, "xmlns");
        lua_pushstring(L, space->href ? (const char *)space->href : "");
        lua_rawset(L, -3);
    }
    for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
        if (++count > XML_ATTRIBUTES_MAX)
            sandbox_error(L, "xml: an element has more than %d attributes", XML_ATTRIBUTES_MAX);
        push_name(L, attribute->ns, attribute->name);
        const xmlNode *value = attribute->children; /* one text: entities other than the five are not known here */
        lua_pushstring(L, value && value->content ? (const char *)value->content : "");
        lua_rawset(L, -3);
    }
}

/* Pushes the table of one element, its children still to come: {name, attributes, children = {}, text = ""}. */
static void push_element(lua_State *L, const xmlNode *node) {
    luaL_Buffer text;
    lua_createtable(L, 0, 4);
    push_name(L, node->ns, node->name);
    lua_setfield(L, -2, "name");
    push_attributes(L, node);
    lua_setfield(L, -2, "attributes");
    lua_newtable(L);
    lua_setfield(L, -2, "children");
    luaL_buffinit(L, &text);
    for (const xmlNode *child = node->children; child; child = child->next) {
        if ((child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) && child->content)
            luaL_addstring(&text, (const char *)child->content);
    }
    luaL_pushresult(&text);
    lua_setfield(L, -2, "text");
    lua_getfield(L, LUA_REGISTRYINDEX, "xml.element"); /* set by lib/xml.lua: the methods */
    if (lua_istable(L, -1))
        lua_setmetatable(L, -2);
    else
        lua_pop(L, 1);
}

static const xmlNode *next_element(const xmlNode *node) {
    while (node && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

/* Walks the tree without recursion: on Lua's stack lie the tables of the open elements, outermost first. */
void xml_push_tree(lua_State *L, const xmlNode *root) {
    const xmlNode *node = root;
    push_element(L, root);
    int depth = 1;
    while (depth > 0) {
        const xmlNode *below = next_element(node->children);
        if (below) {
            if (++depth > XML_DEPTH_MAX) sandbox_error(L, "xml: nested deeper than %d levels", XML_DEPTH_MAX);
            luaL_checkstack(L, 8, "XML");
            push_element(L, below);
            node = below;
            continue;
        }
        while (depth > 1) { /* the element on top is complete: append it to the one below, go on beside it */
            lua_getfield(L, -2, "children");
            lua_insert(L, -2);
            lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
            lua_pop(L, 1);
            const xmlNode *beside = next_element(node->next);
            if (beside) {
                push_element(L, beside);
                node = beside;
                break;
            }
            node = node->parent;
            depth--;
        }
        if (depth == 1) break;
    }
}

static int fail(lua_State *L, bool reject, const document *d) {
    const char *words =
        lua_pushfstring(L, "not valid XML: line %d: %s", d->line, d->fault[0] ? d->fault : "no element");
    if (reject) sandbox_reject(L, "malformed", lua_pushfstring(L, "line %d", d->line), "%s", words);
    return luaL_error(L, "%s", words);
}

/* Nothing is fetched, neither by documents nor by schemas. */
static xmlParserInputPtr refuse_to_load(const char *url, const char *id, xmlParserCtxtPtr context) {
    (void)url, (void)id, (void)context;
    return NULL;
}

static void say_nothing(void *context, const char *format, ...) {
    (void)context, (void)format; /* faults come by the structured functions */
}

/* Pushes the document of the text at `index`, parsed. */
static document *parse(lua_State *L, int index, bool reject) {
    size_t len;
    const char *text = luaL_checklstring(L, index, &len);
    document *d = new_document(L);
    if (len > XML_BYTES_MAX) {
        snprintf(d->fault, sizeof d->fault, "larger than %d bytes", XML_BYTES_MAX);
        fail(L, reject, d);
    }
    d->context = xmlCreateMemoryParserCtxt(len > 0 ? text : " ", len > 0 ? (int)len : 1);
    if (!d->context) sandbox_error(L, "xml: the parser could not be made");
    d->context->_private = d;
    d->context->sax->internalSubset = refuse_doctype;
    d->context->sax->serror = NULL;
    xmlSetStructuredErrorFunc(d, keep_first_fault);
    xmlCtxtUseOptions(d->context, XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_COMPACT | XML_PARSE_BIG_LINES);
    xmlParseDocument(d->context);
    xmlSetStructuredErrorFunc(NULL, NULL);
    d->tree = d->context->myDoc;
    d->context->myDoc = NULL;
    if (!d->context->wellFormed || d->fault[0] || !d->tree || !xmlDocGetRootElement(d->tree)) fail(L, reject, d);
    return d;
}

xmlDocPtr xml_parse(lua_State *L, int index, bool reject) {
    return parse(L, index, reject)->tree;
}

/* decode(text, reject) → the root element */
static int decode(lua_State *L) {
    document *d = parse(L, 1, lua_toboolean(L, 2));
    xml_push_tree(L, xmlDocGetRootElement(d->tree));
    lua_pushcfunction(L, free_document); /* the tree may be large: not left to the collector */
    lua_pushvalue(L, -3);
    lua_call(L, 1, 0);
    return 1;
}

/* escape(text, attribute) → text with & < > and, in attributes, quotes and line breaks escaped. Characters that XML
 * cannot hold raise. */
static int escape(lua_State *L) {
    span text;
    text.data = luaL_checklstring(L, 1, &text.len);
    bool attribute = lua_toboolean(L, 2);
    luaL_Buffer b;
    if (!span_is_utf8(text)) return luaL_error(L, "xml: a text is not UTF-8 (text.from_latin1 converts)");
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '&')
            luaL_addstring(&b, "&amp;");
        else if (c == '<')
            luaL_addstring(&b, "&lt;");
        else if (c == '>')
            luaL_addstring(&b, "&gt;");
        else if (c == '"' && attribute)
            luaL_addstring(&b, "&quot;");
        else if (c == '\r' || (attribute && (c == '\n' || c == '\t'))) {
            char reference[8];
            snprintf(reference, sizeof reference, "&#%u;", c);
            luaL_addstring(&b, reference);
        } else if (c < 0x20 && c != '\n' && c != '\t')
            return luaL_error(L, "xml: a text holds control character %d", c);
        else
            luaL_addchar(&b, (char)c);
    }
    luaL_pushresult(&b);
    return 1;
}

/* methods(metatable): what elements made by decode get. */
static int set_methods(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "xml.element");
    return 0;
}

int library_xml(lua_State *L) {
    static const luaL_Reg functions[] = {{"decode", decode}, {"escape", escape}, {"methods", set_methods},
        {"query", xml_query}, {"validate", xml_validate}, {NULL, NULL}};
    xmlSetExternalEntityLoader(refuse_to_load);
    xmlSetGenericErrorFunc(NULL, say_nothing);
    luaL_newlib(L, functions);
    return 1;
}
