/* edi/fault.c: see fault.h. The X12 codes are those of TA1, 997 and 999, the EDIFACT ones element 0085 of CONTRL. */
#include "edi/fault.h"

#define INTERCHANGE EDI_LEVEL_INTERCHANGE
#define GROUP EDI_LEVEL_GROUP
#define DOCUMENT EDI_LEVEL_DOCUMENT
#define SEGMENT EDI_LEVEL_SEGMENT
#define ELEMENT EDI_LEVEL_ELEMENT

static const edi_fault_kind kinds[EDI_FAULT_COUNT] = {
    [EDI_FAULT_NOT_EDI] = {"not-edi", EDI_LEVEL_FILE, false, NULL, NULL, 0},
    [EDI_FAULT_OTHER_DIALECT] = {"other-dialect", EDI_LEVEL_FILE, false, NULL, NULL, 0},
    [EDI_FAULT_JUNK] = {"junk", EDI_LEVEL_FILE, false, NULL, NULL, 0},
    [EDI_FAULT_BYTE_ORDER_MARK] = {"byte-order-mark", EDI_LEVEL_FILE, true, NULL, NULL, 0},
    [EDI_FAULT_HEADER_SHAPE] = {"header-shape", INTERCHANGE, false, "022", NULL, 47},
    [EDI_FAULT_HEADER_MISSING] = {"header-missing", INTERCHANGE, false, "022", NULL, 47},
    [EDI_FAULT_DELIMITER_INVALID] = {"delimiter-invalid", INTERCHANGE, false, "026", NULL, 22},
    [EDI_FAULT_DELIMITER_CLASH] = {"delimiter-clash", INTERCHANGE, false, "026", NULL, 20},
    [EDI_FAULT_VERSION_UNKNOWN] = {"version-unknown", INTERCHANGE, false, "017", NULL, 2},
    [EDI_FAULT_REPETITION_LETTER] = {"repetition-letter", INTERCHANGE, true, "002", NULL, 22},
    [EDI_FAULT_TRUNCATED] = {"truncated", INTERCHANGE, false, "023", NULL, 18},
    [EDI_FAULT_LAST_TERMINATOR] = {"last-terminator", INTERCHANGE, true, "023", NULL, 18},
    [EDI_FAULT_LINE_BREAK] = {"line-break", INTERCHANGE, true, "022", NULL, 21},
    [EDI_FAULT_BLANKS] = {"blanks-between-segments", INTERCHANGE, true, "022", NULL, 21},
    [EDI_FAULT_LEADING_ZEROS] = {"leading-zeros", INTERCHANGE, true, "001", NULL, 28},
    [EDI_FAULT_SHORT_DATE] = {"short-date", INTERCHANGE, true, "014", NULL, 40},
    [EDI_FAULT_SERVICE_ORDER] = {"service-order", INTERCHANGE, false, "022", NULL, 15},
    [EDI_FAULT_INTERCHANGE_TRAILER] = {"interchange-trailer-missing", INTERCHANGE, false, "023", NULL, 13},
    [EDI_FAULT_INTERCHANGE_REFERENCE] = {"interchange-reference", INTERCHANGE, false, "001", NULL, 28},
    [EDI_FAULT_INTERCHANGE_COUNT] = {"interchange-count", INTERCHANGE, false, "021", NULL, 29},
    [EDI_FAULT_INTERCHANGE_DUPLICATE] = {"interchange-duplicate", INTERCHANGE, false, "025", NULL, 26},
    [EDI_FAULT_INTERCHANGE_EMPTY] = {"interchange-empty", INTERCHANGE, false, "024", NULL, 32},
    [EDI_FAULT_INTERCHANGE_CONTENT] = {"interchange-content", INTERCHANGE, false, "024", NULL, 15},
    [EDI_FAULT_GROUP_HEADER] = {"group-header-missing", GROUP, false, "1", NULL, 13},
    [EDI_FAULT_GROUP_TRAILER] = {"group-trailer-missing", GROUP, false, "3", NULL, 13},
    [EDI_FAULT_GROUP_REFERENCE] = {"group-reference", GROUP, false, "4", NULL, 28},
    [EDI_FAULT_GROUP_COUNT] = {"group-count", GROUP, false, "5", NULL, 29},
    [EDI_FAULT_GROUP_DUPLICATE] = {"group-duplicate", GROUP, false, "19", NULL, 26},
    [EDI_FAULT_GROUP_EMPTY] = {"group-empty", GROUP, false, "5", NULL, 32},
    [EDI_FAULT_GROUP_MIXED] = {"group-mixed-types", GROUP, false, NULL, NULL, 31},
    [EDI_FAULT_GROUP_LOOSE] = {"group-and-loose-messages", INTERCHANGE, false, NULL, NULL, 30},
    [EDI_FAULT_DOCUMENT_HEADER] = {"document-header-missing", GROUP, false, "5", NULL, 13},
    [EDI_FAULT_DOCUMENT_TRAILER] = {"document-trailer-missing", DOCUMENT, false, "2", NULL, 13},
    [EDI_FAULT_DOCUMENT_REFERENCE] = {"document-reference", DOCUMENT, false, "3", NULL, 28},
    [EDI_FAULT_DOCUMENT_COUNT] = {"document-count", DOCUMENT, false, "4", NULL, 29},
    [EDI_FAULT_DOCUMENT_DUPLICATE] = {"document-duplicate", DOCUMENT, false, "23", NULL, 26},
    [EDI_FAULT_DOCUMENT_GROUP] = {"document-in-wrong-group", DOCUMENT, true, "18", NULL, 31},
    [EDI_FAULT_DOCUMENT_EMPTY] = {"document-empty", DOCUMENT, false, "5", NULL, 32},
    [EDI_FAULT_SEGMENT_OUTSIDE] = {"segment-outside", GROUP, false, "5", NULL, 33},
    [EDI_FAULT_SEGMENT_EMPTY] = {"segment-empty", SEGMENT, false, "8", NULL, 13},
    [EDI_FAULT_SEGMENT_TAG] = {"segment-tag", SEGMENT, false, "1", NULL, 12},
    [EDI_FAULT_SEGMENT_LIMIT] = {"segment-limit", SEGMENT, false, "8", NULL, 39},
    [EDI_FAULT_ELEMENT_LIMIT] = {"element-limit", ELEMENT, false, "5", NULL, 39},
    [EDI_FAULT_RELEASE_AT_END] = {"release-at-end", SEGMENT, false, "8", NULL, 21},
    [EDI_FAULT_BINARY_LENGTH] = {"binary-length", ELEMENT, false, "7", NULL, 29},
    [EDI_FAULT_PACKAGE] = {"package", INTERCHANGE, false, NULL, NULL, 29},
    [EDI_FAULT_TRAILING_SEPARATOR] = {"trailing-separator", SEGMENT, true, "8", NULL, 45},
    [EDI_FAULT_SEGMENT_UNKNOWN] = {"segment-unknown", SEGMENT, false, "1", NULL, 12},
    [EDI_FAULT_SEGMENT_NOT_IN_SET] = {"segment-not-in-set", SEGMENT, false, "6", NULL, 15},
    [EDI_FAULT_SEGMENT_UNEXPECTED] = {"segment-unexpected", SEGMENT, false, "2", NULL, 15},
    [EDI_FAULT_SEGMENT_MISSING] = {"segment-missing", SEGMENT, false, "3", NULL, 13},
    [EDI_FAULT_SEGMENT_ORDER] = {"segment-order", SEGMENT, false, "7", NULL, 15},
    [EDI_FAULT_SEGMENT_REPEATED] = {"segment-repeated", SEGMENT, false, "5", NULL, 35},
    [EDI_FAULT_SEGMENT_NOT_USED] = {"segment-not-used", SEGMENT, false, "2", "I4", 15},
    [EDI_FAULT_LOOP_REPEATED] = {"loop-repeated", SEGMENT, false, "4", NULL, 36},
    [EDI_FAULT_LOOP_MISSING] = {"loop-missing", SEGMENT, false, "3", NULL, 13},
    [EDI_FAULT_LOOP_BRACKET] = {"loop-bracket", SEGMENT, false, "7", NULL, 15},
    [EDI_FAULT_HIERARCHY] = {"hierarchy", ELEMENT, false, "7", NULL, 12},
    [EDI_FAULT_CONTROL_TOTAL] = {"control-total", ELEMENT, true, "7", NULL, 29},
    [EDI_FAULT_BALANCE] = {"balance", ELEMENT, false, "7", "I12", 12},
    [EDI_FAULT_ELEMENT_MISSING] = {"element-missing", ELEMENT, false, "1", NULL, 13},
    [EDI_FAULT_ELEMENT_CONDITIONAL] = {"element-conditional", ELEMENT, false, "2", NULL, 48},
    [EDI_FAULT_ELEMENT_EXCLUDED] = {"element-excluded", ELEMENT, false, "10", NULL, 48},
    [EDI_FAULT_ELEMENT_NOT_USED] = {"element-not-used", ELEMENT, false, "10", "I10", 15},
    [EDI_FAULT_ELEMENTS_MANY] = {"elements-many", ELEMENT, false, "3", NULL, 16},
    [EDI_FAULT_COMPONENTS_MANY] = {"components-many", ELEMENT, false, "3", "13", 16},
    [EDI_FAULT_REPETITIONS_MANY] = {"repetitions-many", ELEMENT, false, "3", "12", 35},
    [EDI_FAULT_VALUE_SHORT] = {"value-short", ELEMENT, false, "4", NULL, 40},
    [EDI_FAULT_VALUE_LONG] = {"value-long", ELEMENT, false, "5", NULL, 39},
    [EDI_FAULT_VALUE_CHARACTER] = {"value-character", ELEMENT, false, "6", NULL, 21},
    [EDI_FAULT_VALUE_NUMBER] = {"value-number", ELEMENT, false, "6", NULL, 37},
    [EDI_FAULT_VALUE_CODE] = {"value-code", ELEMENT, false, "7", NULL, 12},
    [EDI_FAULT_VALUE_CODE_NOT_USED] = {"code-not-used", ELEMENT, false, "7", "I6", 12},
    [EDI_FAULT_VALUE_DATE] = {"value-date", ELEMENT, false, "8", NULL, 12},
    [EDI_FAULT_VALUE_TIME] = {"value-time", ELEMENT, false, "9", NULL, 12},
    [EDI_FAULT_VALUE_BLANK] = {"value-blank", ELEMENT, false, "6", NULL, 13},
    [EDI_FAULT_CHARACTER_SET] = {"character-set", ELEMENT, true, "6", NULL, 21},
};

const edi_fault_kind *edi_fault_kind_of(edi_fault_code code) {
    return &kinds[code];
}

bool edi_fault_named(span name, edi_fault_code *code) {
    for (size_t i = 0; i < EDI_FAULT_COUNT; i++) {
        if (!span_is(name, kinds[i].name)) continue;
        *code = (edi_fault_code)i;
        return true;
    }
    return false;
}

const char *edi_level_x12(edi_level level) {
    static const char *const elements[] = {"", "TA105", "AK905", "AK502", "AK304", "AK403"};
    return elements[level];
}
