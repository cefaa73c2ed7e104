/* core/flow/estate_settings.c: the tables that describe every kind of configuration object (but for the adapters' own
 * part). */
#include "core/flow/estate_settings.h"

#include "core/flow/estate_policy_settings.h"
#include "core/flow/guard.h"

static const setting station_settings[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "How other objects refer to it."},
    {.name = "description", .type = SETTING_TEXT, .help = "For people."},
    {.name = "as2_id", .type = SETTING_TEXT, .min = 1, .max = 128, .help = "AS2-From and AS2-To name (RFC 4130)."},
    {.name = "x12_id", .type = SETTING_TEXT, .min = 4, .max = 18, .help = "ISA qualifier and id, such as ZZ:BANYAN."},
    {.name = "edifact_id",
        .type = SETTING_TEXT,
        .min = 1,
        .max = 40,
        .help = "UNB id and qualifier, such as BANYAN:14."},
    {.name = "key", .type = SETTING_NAME, .reference = "certificates", .help = "Key that signs and decrypts."},
    {.name = "keys",
        .type = SETTING_NAMES,
        .reference = "certificates",
        .help = "Further keys, earlier or later: all decrypt, the one that came into use last signs."},
    {.name = NULL},
};

static const setting partner_settings[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "How other objects refer to it."},
    {.name = "description", .type = SETTING_TEXT, .help = "For people."},
    {.name = "as2_id", .type = SETTING_TEXT, .min = 1, .max = 128, .help = "AS2-From and AS2-To name (RFC 4130)."},
    {.name = "x12_id",
        .type = SETTING_TEXT,
        .min = 4,
        .max = 18,
        .help = "ISA qualifier and id, such as 01:123456789."},
    {.name = "edifact_id",
        .type = SETTING_TEXT,
        .min = 1,
        .max = 40,
        .help = "UNB id and qualifier, such as 4012345000009:14."},
    {.name = "certificates",
        .type = SETTING_NAMES,
        .reference = "certificates",
        .help = "Certificates of the partner."},
    {.name = "schemas",
        .type = SETTING_NAMES,
        .reference = "schemas",
        .help = "Its guides: what its documents are held against, laid over the built-in definitions in this order."},
    {.name = "duplicate_interchanges",
        .type = SETTING_CHOICE,
        .choices = "accept reject",
        .fallback = "accept",
        .help = "What becomes of an interchange whose control number came before with another content; the same bytes "
                "are never processed twice."},
    {.name = "contacts", .type = SETTING_TEXTS, .help = "Whom to ask."},
    {.name = NULL},
};

static const setting connection_settings[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "How other objects refer to it."},
    {.name = "kind", .type = SETTING_NAME, .required = true, .help = "Which adapter: file, sftp …"},
    {.name = "description", .type = SETTING_TEXT, .help = "For people."},
    {.name = "station",
        .type = SETTING_NAME,
        .reference = "stations",
        .help = "Who we are here; may be left out when there is one station."},
    {.name = "partner", .type = SETTING_NAME, .reference = "partners", .help = "Who is at the other end."},
    {.name = "enabled", .type = SETTING_BOOLEAN, .fallback = "true", .help = "Whether it is polled and delivered to."},
    {.name = "quiet_after",
        .type = SETTING_DURATION,
        .min = 1000,
        .max = INT64_C(400) * 24 * 3600 * 1000,
        .help = "When nothing has come in for so long there is an alert: 26h for what comes every day."},
    {.name = "concurrent",
        .type = SETTING_INTEGER,
        .min = 1,
        .max = 10000,
        .help = "Most requests of endpoints at once; any number when left out."},
    {.name = "queue",
        .type = SETTING_INTEGER,
        .min = 0,
        .max = 10000,
        .fallback = "100",
        .help = "So many more wait for their turn; beyond that 503."},
    {.name = "queue_wait",
        .type = SETTING_DURATION,
        .min = 1,
        .max = 600000,
        .fallback = "5s",
        .help = "Whoever had to wait longer is answered 503."},
    {.name = "breaker",
        .type = SETTING_OBJECT,
        .nested = guard_breaker_settings,
        .help = "After failures nobody is sent there for a while."},
    {.name = NULL},
};

static const setting from_settings[] = {
    {.name = "connection", .type = SETTING_NAME, .required = true, .reference = "connections", .help = "The source."},
    {.name = "path",
        .type = SETTING_TEXT,
        .max = 1024,
        .min = 1,
        .help = "Which names are taken, with * and ?; all when left out."},
    {.name = NULL},
};

static const setting when_settings[] = {
    {.name = "standard",
        .type = SETTING_CHOICE,
        .choices = "X12 EDIFACT TRADACOMS",
        .help = "Only documents of that standard."},
    {.name = "type", .type = SETTING_TEXT, .min = 1, .max = 16, .help = "Only documents of that type: 850, ORDERS …"},
    {.name = "filename",
        .type = SETTING_TEXT,
        .min = 1,
        .max = 255,
        .help = "Only messages with such a file name, with * and ?."},
    {.name = NULL},
};

const setting estate_destination_settings[] = {
    {.name = "connection",
        .type = SETTING_NAME,
        .required = true,
        .reference = "connections",
        .help = "Where it goes."},
    {.name = "path",
        .type = SETTING_TEXT,
        .min = 1,
        .max = 1024,
        .help = "File name there, with {variables}; else the connection's own."},
    {.name = "if_exists",
        .type = SETTING_CHOICE,
        .choices = "fail replace",
        .fallback = "fail",
        .help = "What to do with a file of that name."},
    {.name = NULL},
};

const setting estate_expect_settings[] = {
    {.name = "acknowledgement",
        .type = SETTING_CHOICE,
        .required = true,
        .choices = "997 999 CONTRL TA1 MDN",
        .help = "What answers it."},
    {.name = "within", .type = SETTING_DURATION, .fallback = "24h", .help = "After that it is overdue."},
    {.name = NULL},
};

const setting estate_retry_settings[] = {
    {.name = "attempts", .type = SETTING_INTEGER, .fallback = "20", .min = 1, .max = 1000, .help = "Tries in all."},
    {.name = "first",
        .type = SETTING_DURATION,
        .fallback = "5s",
        .help = "Wait before the second try; doubles each time."},
    {.name = "maximum", .type = SETTING_DURATION, .fallback = "1h", .help = "Longest wait between two tries."},
    {.name = NULL},
};

static const setting acknowledge_settings[] = {
    {.name = "kind",
        .type = SETTING_CHOICE,
        .required = true,
        .choices = "997 999 CONTRL",
        .help = "What is sent back."},
    {.name = "to",
        .type = SETTING_OBJECT,
        .nested = estate_destination_settings,
        .help = "Where; the source connection when left out."},
    {.name = NULL},
};

static const setting answers_settings[] = {
    {.name = "type",
        .type = SETTING_TEXT,
        .required = true,
        .min = 1,
        .max = 16,
        .help = "Type of the document that we sent: 850."},
    {.name = "key", .type = SETTING_NAME, .required = true, .help = "Business key that both have: po."},
    {.name = NULL},
};

static const setting flow_settings[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "How other objects refer to it."},
    {.name = "description", .type = SETTING_TEXT, .help = "For people."},
    {.name = "from",
        .type = SETTING_OBJECT,
        .required = true,
        .nested = from_settings,
        .help = "Where messages come from."},
    {.name = "when", .type = SETTING_OBJECT, .nested = when_settings, .help = "Which of them; all when left out."},
    {.name = "script",
        .type = SETTING_NAME,
        .reference = "scripts",
        .help = "Translates; left out, the bytes pass as they are."},
    {.name = "calls",
        .type = SETTING_NAMES,
        .reference = "connections",
        .help = "Connections that its script may call (the module `connection`)."},
    {.name = "timeout",
        .type = SETTING_DURATION,
        .min = 1,
        .max = 240000,
        .fallback = "30s",
        .help = "So long may its script wait for its calls, all together."},
    {.name = "to", .type = SETTING_OBJECTS, .nested = estate_destination_settings, .help = "Where results go."},
    {.name = "acknowledge",
        .type = SETTING_ANY,
        .help = "The acknowledgement sent back: 997, 999 or CONTRL, or {kind, to}; with a TA1 where an X12 interchange "
                "asks "
                "for one (ISA14) or is refused whole."},
    {.name = "expect",
        .type = SETTING_OBJECT,
        .nested = estate_expect_settings,
        .help = "The acknowledgement that a result waits for."},
    {.name = "answers",
        .type = SETTING_OBJECT,
        .nested = answers_settings,
        .help = "The document that an incoming one must answer."},
    {.name = "retry",
        .type = SETTING_OBJECT,
        .nested = estate_retry_settings,
        .help = "When a delivery is tried again."},
    {.name = "enabled", .type = SETTING_BOOLEAN, .fallback = "true", .help = "Whether it takes messages."},
    {.name = NULL},
};

static const setting script_settings[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "Module name."},
    {.name = "description", .type = SETTING_TEXT, .help = "For people."},
    {.name = "source", .type = SETTING_ANY, .required = true, .help = "Lua source."},
    {.name = "test", .type = SETTING_ANY, .help = "Lua source of its tests."},
    {.name = "samples", .type = SETTING_ANY, .help = "Samples: a list of {name, text} or {name, base64}."},
    {.name = "note", .type = SETTING_ANY, .help = "What this version changes, for its history."},
    {.name = "version", .type = SETTING_INTEGER, .min = 1, .max = INT64_MAX, .help = "Made by the appliance."},
    {.name = "hash", .type = SETTING_TEXT, .help = "First digits of the source's SHA-256; made by the appliance."},
    {.name = NULL},
};

static const setting schema_settings[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "How partners refer to it."},
    {.name = "description", .type = SETTING_TEXT, .help = "For people."},
    {.name = "source",
        .type = SETTING_ANY,
        .required = true,
        .help = "Definitions and overlays in the text format of EDI schemas: see `banyan help guides`."},
    {.name = "hash", .type = SETTING_TEXT, .help = "First digits of the source's SHA-256; made by the appliance."},
    {.name = NULL},
};

static const setting table_settings[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "How scripts refer to it."},
    {.name = "description", .type = SETTING_TEXT, .help = "For people."},
    {.name = "rows", .type = SETTING_MAP, .required = true, .help = "Code → value."},
    {.name = NULL},
};

static const setting generate_settings[] = {
    {.name = "kind", .type = SETTING_CHOICE, .choices = "ec rsa ssh", .fallback = "ec", .help = "Kind of key."},
    {.name = "common_name", .type = SETTING_TEXT, .min = 1, .max = 64, .help = "Subject of the certificate."},
    {.name = "days", .type = SETTING_INTEGER, .min = 1, .max = 7300, .fallback = "730", .help = "Days of validity."},
    {.name = NULL},
};

static const setting certificate_settings[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "How other objects refer to it."},
    {.name = "description", .type = SETTING_TEXT, .help = "For people."},
    {.name = "certificate", .type = SETTING_ANY, .help = "X.509 certificate, PEM."},
    {.name = "private_key", .type = SETTING_ANY, .secret = true, .help = "Private key, PEM; never shown."},
    {.name = "valid_from",
        .type = SETTING_TEXT,
        .min = 10,
        .max = 32,
        .help = "Day or time from which it is used to sign and encrypt; else that of the certificate."},
    {.name = "valid_until",
        .type = SETTING_TEXT,
        .min = 10,
        .max = 32,
        .help = "Day or time from which it is not used or accepted any more."},
    {.name = "use",
        .type = SETTING_CHOICE,
        .choices = "both sign encrypt",
        .fallback = "both",
        .help = "What it is for in AS2: signatures, encryption, or both."},
    {.name = "generate", .type = SETTING_OBJECT, .nested = generate_settings, .help = "Makes the key and certificate."},
    {.name = "details", .type = SETTING_ANY, .help = "What both are; made by the appliance."},
    {.name = NULL},
};

/* alerts.h says what they are. */
#define ALERT_KINDS                                                                                                    \
    "acknowledgement-overdue certificate-expiring certificate-expired certificate-offered connection-failing "         \
    "files-left connection-quiet messages-failed messages-rejected space-short"

static const setting notification_settings[] = {
    {.name = "name", .type = SETTING_NAME, .required = true, .help = "How other objects refer to it."},
    {.name = "description", .type = SETTING_TEXT, .help = "For people."},
    {.name = "to",
        .type = SETTING_OBJECT,
        .required = true,
        .nested = estate_destination_settings,
        .help = "Where it goes: http posts it, signed with the connection's sign_secret; others write it."},
    {.name = "on",
        .type = SETTING_TEXTS,
        .choices = ALERT_KINDS,
        .help = "Only these kinds of alerts; all when left out."},
    {.name = "partners",
        .type = SETTING_NAMES,
        .reference = "partners",
        .help = "Only what concerns one of these; all when left out."},
    {.name = "after",
        .type = SETTING_DURATION,
        .fallback = "0s",
        .max = INT64_C(30) * 24 * 3600 * 1000,
        .help = "What is over sooner is not told."},
    {.name = "again",
        .type = SETTING_DURATION,
        .fallback = "24h",
        .min = 1000,
        .max = INT64_C(400) * 24 * 3600 * 1000,
        .help = "What still stands is told again."},
    {.name = "retry",
        .type = SETTING_OBJECT,
        .nested = estate_retry_settings,
        .help = "When it is told again after a failure."},
    {.name = "enabled", .type = SETTING_BOOLEAN, .fallback = "true", .help = "Whether anybody is told."},
    {.name = NULL},
};

/* Every kind, in the order in which they refer to each other: its name, and the table that describes it. */
#define KINDS(KIND)                                                                                                    \
    KIND("certificates", certificate_settings)                                                                         \
    KIND("schemas", schema_settings)                                                                                   \
    KIND("stations", station_settings)                                                                                 \
    KIND("partners", partner_settings)                                                                                 \
    KIND("connections", connection_settings)                                                                           \
    KIND("scripts", script_settings)                                                                                   \
    KIND("tables", table_settings)                                                                                     \
    KIND("flows", flow_settings)                                                                                       \
    KIND("policies", estate_policies_settings)                                                                         \
    KIND("endpoints", estate_endpoint_settings)                                                                        \
    KIND("notifications", notification_settings)
#define NAME_OF(name, table) name,
#define TABLE_OF(name, table) table,

const char *const estate_kind_names[] = {KINDS(NAME_OF) NULL};

const setting *estate_settings(const char *kind) {
    static const setting *const tables[] = {KINDS(TABLE_OF)};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strcmp(estate_kind_names[i], kind) == 0) return tables[i];
    }
    return NULL;
}

const char *estate_name_member(const char *kind) {
    return strcmp(kind, "endpoints") == 0 ? "route" : "name";
}

const setting *estate_acknowledge_settings(void) {
    return acknowledge_settings;
}
