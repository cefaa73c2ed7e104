/* tests/fuzz/script.c: any bytes as what scripts parse: JSON, CSV, XML, records, copybooks, record schemas, EDI, an
 * XPath, and as a script. The first byte chooses. Each ends in a result, a rejection or an error; what was read and can
 * be written is written too. */
#include "core/base/memory.h"
#include "core/script/host.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char reader[] =
    "local csv, json, record, text, xml, hash = require 'csv', require 'json', require 'record', require 'text', "
    "require 'xml', require 'hash'\n"
    "local fixed = record.schema 'format: fixed\\nline: lf\\ncount number 2\\nlines list count\\n  sku text 3\\n  "
    "amount "
    "decimal 6 2\\n  day date 8 ccyymmdd\\n'\n"
    "local book = record.copybook([[01 R. 05 A PIC X(3). 05 N PIC 9(2) COMP. 05 P PIC S9(5)V99 COMP-3.\n"
    " 05 Z PIC S9(3). 05 L OCCURS 1 TO 9 DEPENDING ON N. 10 Q PIC 9(2). 10 T REDEFINES Q PIC X(2).]])\n"
    "local ways = {\n"
    "  function(m) return json.encode(m.json) end,\n"
    "  function(m) return csv.encode(m.csv{separator = ';', trim = true}) end,\n"
    "  function(m) return xml.encode(m.xml) end,\n"
    "  function(m) return fixed:encode(fixed:decode(m.body)) end,\n"
    "  function(m) return book:encode(book:decode(m.body)) end,\n"
    "  function(m) return json.encode(record.copybook(m.body, {charset = 'ascii'}):decode(('12'):rep(400))) end,\n"
    "  function(m) return json.encode(record.schema(m.body):decode('[{\"a\": 1}]')) end,\n"
    "  function(m) return json.encode{m.edi:text('BEG', 3), m.edi:date('DTM', '137')} end,\n"
    "  function(m) return tostring(xml.query('<a b=\"1\"><c>x</c></a>', m.body)) end,\n"
    "  function(m) return text.encode(text.decode(m.body, 'ibm1047'), 'utf-8') end,\n"
    "  function(m) return hash.from_base64(m.body) end,\n"
    "  function(m) return #xml.validate('<a/>', m.body) .. '' end,\n"
    "}\n"
    "return {translate = function(m) return {body = ways[m.document](m)} end}\n";

static span given;

static error *source(void *context, const char *name, span *text, const char **hash) {
    (void)context;
    bool reads = strcmp(name, "reader") == 0;
    *text = reads ? span_of(reader) : given;
    *hash = reads ? "1" : NULL;
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { WAYS = 12 };
    static script_host *host;
    static const script_services services = {.source = source};
    if (!host && script_host_new(&services, &host)) abort();
    if (size == 0) return 0;
    int way = data[0] % (WAYS + 1);
    given = span_make((const char *)data + 1, size - 1);
    json_t *call = json_pack("{s:s, s:{s:i}, s:{s:i, s:i}}", "script", way == WAYS ? "given" : "reader", "message",
        "document", way + 1, "limits", "time_ms", 500, "memory_bytes", 32 << 20);
    script_outcome out;
    error *err = script_run(host, call, given, &out);
    error_free(err);
    script_outcome_free(&out);
    json_decref(call);
    return 0;
}
