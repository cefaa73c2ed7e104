/* edi/document_json.h: documents as the rest of the product passes them on: one shape, made here alone. */
#ifndef BANYAN_EDI_DOCUMENT_JSON_H
#define BANYAN_EDI_DOCUMENT_JSON_H

#include "core/base/json.h"
#include "edi/document.h"

/* [{"standard","type","version","control","group_control","interchange_control","sender","receiver","keys":{},
 * "offset","length","valid"}]. What is empty is left out; `version` is that of the document or, in X12, of its group;
 * `valid` says that its trailer was there and no fault is in it. New reference. */
json_t *edi_documents_json(const edi_documents *documents);

#endif
