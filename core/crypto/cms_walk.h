/* core/crypto/cms_walk.h: splits a CMS message (RFC 5652, 3274, 5083) into its small structures and its content.
 *
 * The content, however long and in however many segments, is handed on in pieces; everything around it is kept, within
 * limits, and given back as a skeleton: the same message in definite lengths, without its content, which OpenSSL's d2i
 * functions take whole. Revocation lists are passed over. Used by cms_read.h and cms_verify.h, in couriers.
 */
#ifndef BANYAN_CRYPTO_CMS_WALK_H
#define BANYAN_CRYPTO_CMS_WALK_H

#include "core/base/buf.h"
#include "core/crypto/cms.h"

enum {
    CMS_SKELETON_MAX = 256 * 1024, /* bytes of everything but the content */
    CMS_CHILDREN_MAX = 64,         /* recipients, attributes, names: of any one structure (CM-03, CM-04) */
    CMS_CERTIFICATES_MAX = 32
};

typedef struct cms_walk cms_walk;

typedef struct cms_walk_handler {
    /* All that stands before the content is known: cms_walk_kind and cms_walk_skeleton may be asked. Called also when
     * the message has no content of its own (cms_walk_has_content tells), at its end. */
    error *(*content_begins)(void *context);
    error *(*content)(void *context, span piece);
    void *context;
} cms_walk_handler;

cms_walk *cms_walk_new(const cms_walk_handler *handler);
must_check error *cms_walk_write(cms_walk *walk, span piece);
must_check error *cms_walk_finish(cms_walk *walk); /* ERROR_INVALID when the message is not complete */
void cms_walk_free(cms_walk *walk);                /* NULL is fine */

cms_kind cms_walk_kind(const cms_walk *walk);
bool cms_walk_has_content(const cms_walk *walk);

/* The message without content. Before the end the tag of an AuthEnvelopedData is not known and stands as zeros. */
void cms_walk_skeleton(const cms_walk *walk, buf *der);

/* The AlgorithmIdentifier that stands before the content (of encryption, of compression); empty when there is none.
 * It and the tag live as long as the walk and have the lengths of the sender, which may be indefinite. */
span cms_walk_algorithm(const cms_walk *walk);

/* The SET of digest algorithms of a SignedData, known before its content. */
span cms_walk_digest_algorithms(const cms_walk *walk);

/* The tag (mac) of an AuthEnvelopedData with its header, after the end; and whether it has authenticated attributes. */
span cms_walk_tag(const cms_walk *walk);
bool cms_walk_has_authenticated_attributes(const cms_walk *walk);

#endif
