/* adapters/as2/profile.c: presets as data: what a partner's product or programme wants otherwise than the default.
 *
 * Each line names a setting, its value and why. What a connection says itself goes before its profile.
 */
#include "adapters/as2/as2.h"

typedef struct preset {
    const char *profile, *setting, *value, *why;
} preset;

static const preset presets[] = {
    {"rfc4130bis", "as2_version", "1.3", "the draft that obsoletes RFC 4130"},
    {"rfc4130bis", "product_header", "true", "AS2-Product is required with 1.3"},
    {"rfc4130bis", "accept_sha1", "false", "SHA-1 must not be generated between partners of 1.3"},
    {"walmart", "sign", "sha256", "SHA-256 only"},
    {"walmart", "mdn", "sync", "synchronous signed receipts only"},
    {"walmart", "require_signed", "true", "everything is signed"},
    {"walmart", "require_encrypted", "true", "everything is encrypted"},
    {"amazon", "compress", "none", "compressed messages are not taken"},
    {"amazon", "require_signed", "true", "everything is signed"},
    {"amazon", "require_encrypted", "true", "everything is encrypted"},
    {"fda-esg", "encrypt", "aes256-cbc", "GCM is rejected"},
    {"fda-esg", "mdn", "async", "receipts are asynchronous and signed"},
    {"fda-esg", "mdn_timeout", "24h", "the gateway takes its time over large submissions"},
    {"sterling", "allow_3des", "true", "older installations have nothing else"},
    {"sterling", "micalg_dashes", "false", "old names of digests: sha256"},
    {"sterling", "definite_lengths", "true", "DER is safest with DataPower in front"},
    {"legacy", "sign", "sha1", "only SHA-1 is known"},
    {"legacy", "encrypt", "3des", "only 3DES is known"},
    {"legacy", "allow_3des", "true", "likewise"},
    {"legacy", "micalg_dashes", "false", "old names of digests: sha1"},
    {"legacy", "definite_lengths", "true", "indefinite lengths are often not read"},
    {"legacy", "as2_version", "1.1", "before EDIINT-Features"},
    {"legacy", "features", "", "before EDIINT-Features"},
    {"mendelson", "allow_3des", "true", "its default in older versions"},
    {"mendelson", "crlf_fallback", "true", "text is sometimes signed in its canonical form"},
    {"openas2", "allow_3des", "true", "its sample configuration"},
    {"openas2", "compressed_mic", "payload", "without header when there is no other layer"},
    {"openas2", "compress", "none", "inflated in memory"},
    {NULL, NULL, NULL, NULL},
};

static const char *preset_of(const json_t *settings, const char *name) {
    const char *profile = json_get_text(settings, "profile", NULL); /* the default changes nothing */
    for (const preset *p = presets; p->profile && profile; p++) {
        if (strcmp(p->profile, profile) == 0 && strcmp(p->setting, name) == 0) return p->value;
    }
    return NULL;
}

const char *as2_text(const json_t *settings, const char *name) {
    const char *by_profile = json_object_get(settings, name) ? NULL : preset_of(settings, name);
    return by_profile ? by_profile : settings_text(adapter_as2.settings, settings, name);
}

bool as2_boolean(const json_t *settings, const char *name) {
    const char *by_profile = json_object_get(settings, name) ? NULL : preset_of(settings, name);
    return by_profile ? strcmp(by_profile, "true") == 0 : settings_boolean(adapter_as2.settings, settings, name);
}

int64_t as2_integer(const json_t *settings, const char *name) {
    const char *by_profile = json_object_get(settings, name) ? NULL : preset_of(settings, name);
    if (!by_profile) return settings_integer(adapter_as2.settings, settings, name);
    json_t *one = json_pack("{s:s}", name, by_profile);
    int64_t value = settings_integer(adapter_as2.settings, one, name);
    json_decref(one);
    return value;
}
