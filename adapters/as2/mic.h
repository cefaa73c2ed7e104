/* adapters/as2/mic.h: the message integrity check of AS2: over which bytes, how written, which form a partner used.
 *
 * Products disagree over which bytes are digested (RFC 4130 §7.3.1, RFC 5402 §4, and what is done). So every form that
 * passes is digested on its way and kept; one of them is ours by the rules, and a partner's answer is held against all.
 */
#ifndef BANYAN_ADAPTERS_AS2_MIC_H
#define BANYAN_ADAPTERS_AS2_MIC_H

#include "core/base/buf.h"
#include "core/base/sink.h"
#include "core/crypto/cms.h"

typedef enum as2_mic_form {
    AS2_MIC_SIGNED,             /* the first part of multipart/signed, header and all, as it stands */
    AS2_MIC_SIGNED_CRLF,        /* the same with every line end made CR LF */
    AS2_MIC_SIGNED_HEADER_CRLF, /* the same with the line ends of its header made CR LF */
    AS2_MIC_DECRYPTED,          /* the decrypted entity with its header, before anything is inflated */
    AS2_MIC_INFLATED,           /* the decompressed entity with its header */
    AS2_MIC_BODY,               /* the body of the HTTP message alone */
    AS2_MIC_PAYLOAD,            /* the innermost document alone, without its header */
    AS2_MIC_FORMS
} as2_mic_form;

const char *as2_mic_form_words(as2_mic_form form); /* for people: "the signed part as it was sent" */

typedef struct as2_mics {
    cms_digests of[AS2_MIC_FORMS]; /* present == 0: the form did not occur */
} as2_mics;

typedef struct as2_layers {
    bool is_signed, is_encrypted, is_compressed;
} as2_layers;

/* The form that the rules say: signed: what was signed (compressed or not, RFC 5402 §4.1); else compressed: the
 * inflated entity (§4.2, §4.3); else encrypted: the decrypted entity (RFC 4130 §7.3.1); else the body. */
as2_mic_form as2_mic_ruled(as2_layers layers);

/* A sink that digests what passes: give it to the layer, and `to` gets the same bytes. */
typedef struct as2_mic_tap {
    digest_set *set; /* from digest_set_new; as2_mic_tap_finish frees it */
    sink to;         /* write may be NULL */
} as2_mic_tap;

must_check error *as2_mic_tap_write(void *tap, span piece);
void as2_mic_tap_finish(as2_mic_tap *tap, as2_mics *mics, as2_mic_form form);

/* "base64, sha-256" of Received-Content-MIC. */
void as2_mic_write(const cms_digests *digests, digest_kind kind, bool dashed, buf *text);

typedef struct as2_mic {
    unsigned char value[DIGEST_BYTES_MAX];
    size_t len;
    digest_kind kind;
} as2_mic;

/* Reads any spelling of the algorithm, behind the last comma; comments and blanks do not matter. ERROR_INVALID,
 * ERROR_UNSUPPORTED for an algorithm that is none of ours. */
must_check error *as2_mic_read(span text, as2_mic *out);

/* Does the partner's MIC belong to one of the forms? The ruled form is tried first; *form tells which it was. */
must_check bool as2_mic_find(const as2_mics *mics, as2_layers layers, const as2_mic *received, as2_mic_form *form);

#endif
