/* edi/embedded.h: the schemas that are built into the program: the files of edi/schemas one after another, each behind
 * a line "#file NAME".
 */
#ifndef BANYAN_EDI_EMBEDDED_H
#define BANYAN_EDI_EMBEDDED_H

#include "core/base/span.h"

span edi_embedded_schemas(void);

#endif
