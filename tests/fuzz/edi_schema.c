/* tests/fuzz/edi_schema.c: any bytes as a file of schemas: refused with a place, or compiled and held against a file.
 */
#include "edi/report.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char file[] =
        "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260101*1200*U*00401*000000001*0*P*:~"
        "GS*PO*SENDER*RECEIVER*20260101*1200*1*X*009999~ST*1*0001~AAA*1~BBB*1*2:3~AAA*2~SE*5*0001~GE*1*1~IEA*1*"
        "000000001~";
    edi_library *library = edi_library_new();
    error *err = edi_library_add(library, span_make((const char *)data, size), "fuzz");
    if (err) {
        if (!error_text(err)[0]) abort();
        error_free(err);
    } else {
        edi_report report;
        edi_report_read(edi_validator_new(SPAN(file), library, NULL), &report);
        edi_report_free(&report);
    }
    edi_library_free(library);
    return 0;
}
