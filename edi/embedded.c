/* edi/embedded.c: see embedded.h. The file is made by the Makefile, which names it in BANYAN_SCHEMAS. */
#include "edi/embedded.h"

__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "edi_embedded_begin:\n"
        ".incbin \"" BANYAN_SCHEMAS "\"\n"
        "edi_embedded_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const char edi_embedded_begin[], edi_embedded_end[];

span edi_embedded_schemas(void) {
    return span_make(edi_embedded_begin, (size_t)(edi_embedded_end - edi_embedded_begin));
}
