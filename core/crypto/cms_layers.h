/* core/crypto/cms_layers.h: the three things a reader does to content; for the files of core/crypto only.
 *
 * Each function that fails sets facts->fault when it knows better than CMS_FAULT_MALFORMED.
 */
#ifndef BANYAN_CRYPTO_CMS_LAYERS_H
#define BANYAN_CRYPTO_CMS_LAYERS_H

#include "core/crypto/cms_read.h"
#include "core/crypto/cms_walk.h"

/* ---- cms_open.c: decrypts. Nothing tells a missing key, a wrong one, padding and tag from each other. */
typedef struct cms_opener cms_opener;

must_check error *cms_opener_new(
    const cms_walk *walk, const cms_read_options *options, cms_facts *facts, const sink *plain, cms_opener **out);
must_check error *cms_opener_write(cms_opener *opener, span piece);
must_check error *cms_opener_finish(cms_opener *opener, const cms_walk *walk);
void cms_opener_free(cms_opener *opener);

/* ---- cms_inflate.c: inflates, within limits (CZ-01). */
typedef struct cms_inflater cms_inflater;

must_check error *cms_inflater_new(
    const cms_walk *walk, const cms_read_options *options, cms_facts *facts, const sink *plain, cms_inflater **out);
must_check error *cms_inflater_write(cms_inflater *inflater, span piece);
must_check error *cms_inflater_finish(cms_inflater *inflater);
void cms_inflater_free(cms_inflater *inflater);

/* ---- cms_verify.c */

/* The digest algorithms that a SignedData says it uses, as bits; unknown ones are left out. */
unsigned cms_announced_digests(const cms_walk *walk);

must_check error *cms_verify(
    const cms_walk *walk, const cms_digests *digests, const cms_read_options *options, cms_facts *facts);

#endif
