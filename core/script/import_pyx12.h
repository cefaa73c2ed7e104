/* core/script/import_pyx12.h: a map of pyx12 (XML, one implementation guide of X12) as a schema in our text form. */
#ifndef BANYAN_CORE_SCRIPT_IMPORT_PYX12_H
#define BANYAN_CORE_SCRIPT_IMPORT_PYX12_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "edi/schema.h"

bool import_is_pyx12(span text);

/* The map narrows the release of its version, which `library` knows: places that this release lacks are left out, with
 * a comment. ERROR_INVALID when it is no such map or the release is not known. */
must_check error *import_pyx12(span text, const char *name, edi_library *library, buf *out);

#endif
