/* core/flow/estate_endpoint_settings.c: the table that describes an endpoint. What a policy of the facade is configured
 * by is a member here, with a nested table of its own when it has more than one value. */
#include "core/flow/estate_policy_settings.h"
#include "core/flow/estate_settings.h"

static const setting respond_settings[] = {
    {.name = "status", .type = SETTING_INTEGER, .min = 200, .max = 599, .help = "HTTP status of a good answer."},
    {.name = NULL},
};

const setting estate_endpoint_settings[] = {
    {.name = "route",
        .type = SETTING_TEXT,
        .required = true,
        .min = 1,
        .max = 1024,
        .help = "Method and path template: GET /orders/{number}."},
    {.name = "description", .type = SETTING_TEXT, .help = "For people and for OpenAPI."},
    {.name = "legacy",
        .type = SETTING_OBJECT,
        .nested = estate_destination_settings,
        .help = "The legacy back-end: connection and path."},
    {.name = "script",
        .type = SETTING_NAME,
        .reference = "scripts",
        .help = "Its request and response functions translate."},
    {.name = "respond", .type = SETTING_OBJECT, .nested = respond_settings, .help = "The status of a good answer."},
    {.name = "expect",
        .type = SETTING_OBJECT,
        .nested = estate_expect_settings,
        .help = "The acknowledgement that what is sent waits for."},
    {.name = "retry",
        .type = SETTING_OBJECT,
        .nested = estate_retry_settings,
        .help = "When a delivery is tried again."},
    {.name = "policies",
        .type = SETTING_NAMES,
        .reference = "policies",
        .help = "Groups whose members count for this endpoint where it has none of its own; the first that has one."},
    ESTATE_POLICY_ROWS,
    {.name = NULL},
};
