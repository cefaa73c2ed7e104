/* core/script/cem.c: see cem.h. Elements are found by their local names; products differ in prefixes. */
#include "core/script/cem.h"

#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/crypto/certs_only.h"
#include "core/crypto/keypair.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>

enum { XML_BYTES_MAX = 256 * 1024, ITEMS_MAX = 32, USES_MAX = 8, TEXT_MAX = 1024 };

static const char namespace_name[] = "urn:ietf:params:xml:ns:ediintcertificateexchange";

/* ---- elements */

static bool is(const xmlNode *node, const char *name) {
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static const xmlNode *child(const xmlNode *parent, const char *name) {
    for (const xmlNode *node = parent ? parent->children : NULL; node; node = node->next)
        if (is(node, name)) return node;
    return NULL;
}

/* The text of a child, trimmed, as the member `member`. */
static void put_text(json_t *object, const char *member, const xmlNode *parent, const char *name) {
    const xmlNode *node = child(parent, name);
    xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
    span value = text ? span_trim(span_of((const char *)text)) : span_make(NULL, 0);
    if (value.len > 0 && value.len <= TEXT_MAX) json_put_span(object, member, value);
    xmlFree(text);
}

/* ---- messages */

static json_t *read_request(const xmlNode *trust) {
    json_t *item = json_object(), *uses = json_array();
    const xmlNode *holder = child(trust, "EndEntity");
    for (const xmlNode *node = trust->children; node && json_array_size(uses) < USES_MAX; node = node->next) {
        if (!is(node, "CertUsage")) continue;
        xmlChar *text = xmlNodeGetContent(node);
        json_array_append_new(uses, json_from_span(span_trim(span_of((const char *)text))));
        xmlFree(text);
    }
    json_object_set_new(item, "uses", uses);
    put_text(item, "respond_by", trust, "RespondByDate");
    put_text(item, "content_id", holder, "CertificateContentID");
    put_text(item, "issuer", child(holder, "CertificateIdentifier"), "X509IssuerName");
    put_text(item, "serial", child(holder, "CertificateIdentifier"), "X509SerialNumber");
    return item;
}

static json_t *read_response(const xmlNode *trust) {
    json_t *item = json_object();
    put_text(item, "status", trust, "CertStatus");
    put_text(item, "reason", trust, "ReasonForRejection");
    put_text(item, "issuer", child(trust, "CertificateReference"), "X509IssuerName");
    put_text(item, "serial", child(trust, "CertificateReference"), "X509SerialNumber");
    json_object_set_new(item, "accepted", json_boolean(strcmp(json_get_text(item, "status", ""), "Accepted") == 0));
    json_object_del(item, "status");
    return item;
}

static error *read_root(const xmlNode *root, json_t *told) {
    bool request = root && is(root, "EDIINTCertificateExchangeRequest");
    if (!root || (!request && !is(root, "EDIINTCertificateExchangeResponse")))
        return error_new(ERROR_INVALID, "it is neither a request nor a response about certificates");
    if (!root->ns || strcmp((const char *)root->ns->href, namespace_name) != 0)
        return error_new(ERROR_INVALID, "it is not of the namespace %s", namespace_name);
    xmlChar *id = xmlGetNoNsProp(root, (const xmlChar *)"requestId");
    json_t *items = json_array();
    json_put_text(told, "kind", request ? "request" : "response");
    if (id && strlen((const char *)id) <= TEXT_MAX) json_put_text(told, "request_id", (const char *)id);
    xmlFree(id);
    for (const xmlNode *node = root->children; node && json_array_size(items) < ITEMS_MAX; node = node->next) {
        if (request && is(node, "TrustRequest")) json_array_append_new(items, read_request(node));
        if (!request && is(node, "TrustResponse")) json_array_append_new(items, read_response(node));
    }
    json_object_set_new(told, "items", items);
    if (!json_get_text(told, "request_id", NULL)) return error_new(ERROR_INVALID, "it has no requestId");
    return json_array_size(items) > 0 ? NULL : error_new(ERROR_INVALID, "it names no certificate");
}

static void refuse_doctype(void *context, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id) {
    (void)name, (void)external_id, (void)system_id;
    *(bool *)((xmlParserCtxtPtr)context)->_private = true;
    xmlStopParser(context);
}

error *cem_read(span xml, json_t **told) {
    if (xml.len > XML_BYTES_MAX) return error_new(ERROR_LIMIT, "more than %d bytes of XML", XML_BYTES_MAX);
    bool doctype = false;
    xmlParserCtxtPtr context = xmlNewParserCtxt();
    if (!context) abort();
    context->_private = &doctype;
    context->sax->internalSubset = refuse_doctype;
    xmlDocPtr document = xmlCtxtReadMemory(context, xml.data, (int)xml.len, NULL, NULL,
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    *told = json_object();
    error *err = doctype                           ? error_new(ERROR_INVALID, "a DOCTYPE is not accepted")
                 : document && context->wellFormed ? read_root(xmlDocGetRootElement(document), *told)
                                                   : error_new(ERROR_INVALID, "the XML cannot be read");
    xmlFreeDoc(document);
    xmlFreeParserCtxt(context);
    if (!err) return NULL;
    json_decref(*told);
    *told = NULL;
    return err;
}

/* ---- certificates */

error *cem_certificate(span bytes, json_t **told) {
    char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
    char *pem = NULL;
    certificate_facts facts = {.chain = 0};
    *told = NULL;
    error *err = certs_only_read(bytes, &pem);
    if (!err) err = certificate_read(span_of(pem), &facts);
    if (!err)
        *told = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "certificate", pem, "subject", facts.subject,
            "issuer", facts.issuer, "serial", facts.serial, "fingerprint", facts.fingerprint, "key", facts.key,
            "not_before", clock_format(facts.not_before_ms, from), "not_after",
            clock_format(facts.not_after_ms, until));
    certificate_facts_free(&facts);
    free(pem);
    return err;
}
