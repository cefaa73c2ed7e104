/* tests/fuzz/yaml.c: any bytes as a file of an estate: refused or read, and what was read can be written and read back
 * as the same value. */
#include "core/app/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *documents, *again;
    yaml_places *places;
    char *text;
    error *err = yaml_parse(span_make((const char *)data, size), "fuzz", &documents, &places);
    if (err) {
        error_free(err);
        return 0;
    }
    yaml_places_free(places);
    err = yaml_text(documents, &text);
    if (!err) {
        if ((err = yaml_parse(span_of(text), "fuzz", &again, &places))) abort();
        if (!json_equal(json_array_get(again, 0), documents)) abort();
        json_decref(again);
        yaml_places_free(places);
        free(text);
    }
    error_free(err);
    json_decref(documents);
    return 0;
}
