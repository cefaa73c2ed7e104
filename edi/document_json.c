/* edi/document_json.c: see document_json.h. */
#include "edi/document_json.h"

static void put_filled(json_t *object, const char *name, const char *text) {
    if (text[0]) json_put_text(object, name, text);
}

static json_t *document_json(const edi_document *d) {
    json_t *object = json_object(), *keys = json_object();
    json_put_text(object, "standard", edi_standard_name(d->standard));
    put_filled(object, "type", d->header.type);
    put_filled(object, "version", d->header.version[0] ? d->header.version : d->group.version);
    put_filled(object, "control", d->header.control);
    put_filled(object, "group_control", d->group.control);
    put_filled(object, "interchange_control", d->interchange.control);
    put_filled(object, "sender", d->sender);
    put_filled(object, "receiver", d->receiver);
    for (size_t i = 0; i < d->key_count; i++)
        json_put_text(keys, d->keys[i].name, d->keys[i].value);
    json_object_set_new(object, "keys", keys);
    json_object_set_new(object, "offset", json_integer((json_int_t)d->offset));
    json_object_set_new(object, "length", json_integer((json_int_t)d->length));
    json_object_set_new(object, "valid", json_boolean(d->complete && d->errors == 0 && !d->refused));
    return object;
}

json_t *edi_documents_json(const edi_documents *documents) {
    json_t *list = json_array();
    for (size_t i = 0; i < documents->count; i++)
        json_array_append_new(list, document_json(&documents->list[i]));
    return list;
}
