/* core/flow/estate_policy_settings.h: the tables that describe the policies of the facade: who may call, how often,
 * with what. Members of an endpoint, or of a group of kind "policies" that endpoints name. */
#ifndef BANYAN_CORE_FLOW_ESTATE_POLICY_SETTINGS_H
#define BANYAN_CORE_FLOW_ESTATE_POLICY_SETTINGS_H

#include "core/base/settings.h"

extern const setting estate_address_settings[], estate_rate_settings[], estate_quota_settings[], estate_cors_settings[],
    estate_maintenance_settings[], estate_deprecated_settings[], estate_parameter_settings[], estate_request_settings[],
    estate_answers_settings[], estate_jwt_settings[], estate_files_settings[], estate_cache_settings[],
    estate_reply_settings[], estate_repeat_settings[], estate_idempotency_settings[], estate_certificate_settings[],
    estate_capture_settings[];

/* A group: a name and members as an endpoint has them. */
extern const setting estate_policies_settings[];

/* The rows that endpoints and groups share, for the initialisers of both tables. */
#define ESTATE_POLICY_ROWS                                                                                             \
    {.name = "access",                                                                                                 \
        .type = SETTING_CHOICE,                                                                                        \
        .choices = "local public key",                                                                                 \
        .fallback = "local",                                                                                           \
        .help = "key: an API key; public: anybody; local: anybody on this machine, others with a key."},               \
        {.name = "scopes",                                                                                             \
            .type = SETTING_TEXTS,                                                                                     \
            .min = 1,                                                                                                  \
            .max = 256,                                                                                                \
            .help = "Scopes that the caller's key or token must all have: orders:read."},                              \
        {.name = "jwt",                                                                                                \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_jwt_settings,                                                                             \
            .help = "Tokens of an issuer are taken, beside our own keys; one of both is needed."},                     \
        {.name = "certificate",                                                                                        \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_certificate_settings,                                                                     \
            .help = "The TLS certificate that a caller must show; the listener asks for them by tls.client_ca."},      \
        {.name = "addresses",                                                                                          \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_address_settings,                                                                         \
            .help = "From where it may be called."},                                                                   \
        {.name = "rate_limit",                                                                                         \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_rate_settings,                                                                            \
            .help = "How often it may be called; beyond that 429."},                                                   \
        {.name = "quota",                                                                                              \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_quota_settings,                                                                           \
            .help = "How often in an hour, a day or a month."},                                                        \
        {.name = "cors",                                                                                               \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_cors_settings,                                                                            \
            .help = "Which web pages of other origins may call it."},                                                  \
        {.name = "maintenance",                                                                                        \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_maintenance_settings,                                                                     \
            .help = "Answers 503 for the time being."},                                                                \
        {.name = "deprecated",                                                                                         \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_deprecated_settings,                                                                      \
            .help = "Tells callers that it will go."},                                                                 \
        {.name = "parameters",                                                                                         \
            .type = SETTING_OBJECTS,                                                                                   \
            .nested = estate_parameter_settings,                                                                       \
            .help = "Parameters of path, query and headers, with their schemas."},                                     \
        {.name = "request",                                                                                            \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_request_settings,                                                                         \
            .help = "What a request body must be."},                                                                   \
        {.name = "response",                                                                                           \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_answers_settings,                                                                         \
            .help = "What a good answer is like, for OpenAPI."},                                                       \
        {.name = "cache",                                                                                              \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_cache_settings,                                                                           \
            .help = "Answers to GET serve the next who asks the same."},                                               \
        {.name = "reply",                                                                                              \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_reply_settings,                                                                           \
            .help = "The file that answers what was handed over; the caller waits for it."},                           \
        {.name = "idempotency",                                                                                        \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_idempotency_settings,                                                                     \
            .help = "A request that is sent again with the same Idempotency-Key gets the answer of the first; what "   \
                    "is answered 202 by itself needs no setting for that."},                                           \
        {.name = "repeat",                                                                                             \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_repeat_settings,                                                                          \
            .help = "Asks the back-end again when it could not be reached or answered 502, 503 or 504: only what "     \
                    "changes nothing twice, and whose body lies here."},                                               \
        {.name = "files",                                                                                              \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_files_settings,                                                                           \
            .help = "How files behind the endpoint are listed and stored."},                                           \
        {.name = "compress",                                                                                           \
            .type = SETTING_CHOICE,                                                                                    \
            .choices = "auto always off",                                                                              \
            .fallback = "auto",                                                                                        \
            .help = "gzip for text answers; auto: not for callers with credentials, whose secrets sizes could tell."}, \
        {.name = "track",                                                                                              \
            .type = SETTING_CHOICE,                                                                                    \
            .choices = "all errors none",                                                                              \
            .fallback = "all",                                                                                         \
            .help = "Which requests are kept."},                                                                       \
        {.name = "capture",                                                                                            \
            .type = SETTING_OBJECT,                                                                                    \
            .nested = estate_capture_settings,                                                                         \
            .help = "What of the bodies of tracked requests is kept; what is delivered later is kept whole."},         \
        {.name = "timeout", .type = SETTING_DURATION, .fallback = "30s", .help = "For the back-end to answer."}, {     \
        .name = "body_limit", .type = SETTING_SIZE, .min = 1,                                                          \
        .help = "Largest request body; if not given, limits.body of the appliance (10MiB)."                            \
    }

#endif
