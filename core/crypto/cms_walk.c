/* core/crypto/cms_walk.c: see cms_walk.h.
 *
 * Depths: 0 ContentInfo, 1 its type and [0], 2 the SEQUENCE of that type, 3 its members, 4 the members of the content's
 * information (EncapsulatedContentInfo or EncryptedContentInfo), below that the content or something that is kept.
 */
#include "core/crypto/cms_walk.h"

#include "core/base/memory.h"
#include "core/crypto/cms_ber.h"

#include <stdlib.h>

enum { PARTS_MAX = 12, TYPE_MAX = 11, TAG_BYTES = 16 };
enum { DEPTH_TYPE = 1, DEPTH_BODY = 2, DEPTH_MEMBER = 3, DEPTH_INFO = 4, DEPTH_KEPT_CHILD = 4 };

/* A member that is kept: where its bytes lie in `kept`. */
typedef struct part {
    unsigned char identifier;
    size_t start, len;
    bool of_info; /* a member of the content's information */
} part;

typedef enum place { OUTSIDE, KEEPING, SKIPPING, IN_CONTENT } place;

struct cms_walk {
    cms_walk_handler handler;
    ber_walk ber;
    cms_kind kind;
    unsigned char type[TYPE_MAX];
    size_t type_len;
    unsigned at_type, at_body, sequences; /* members seen at depth 1 and 2, SEQUENCEs at depth 3 */
    place place;
    unsigned place_depth; /* of the element that is kept, skipped or content */
    unsigned children[BER_DEPTH_MAX + 1];
    part parts[PARTS_MAX];
    size_t part_count, before_info; /* before_info: members that stand before the content's information */
    bool info_open, info_seen, content_seen, begun;
    buf kept;
};

static const struct {
    cms_kind kind;
    span type; /* content octets of the OID: 1.2.840.113549.1.7.*, 1.2.840.113549.1.9.16.1.* */
} types[] = {
    {CMS_KIND_SIGNED, SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")},
    {CMS_KIND_ENVELOPED, SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")},
    {CMS_KIND_COMPRESSED, SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09")},
    {CMS_KIND_AUTH_ENVELOPED, SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17")},
};

static bool is_encrypted(const cms_walk *walk) {
    return walk->kind == CMS_KIND_ENVELOPED || walk->kind == CMS_KIND_AUTH_ENVELOPED;
}

static error *begin_content(cms_walk *walk) {
    if (walk->begun) return NULL;
    walk->begun = true;
    return walk->handler.content_begins(walk->handler.context);
}

static error *know_type(cms_walk *walk) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (span_equal(span_make((const char *)walk->type, walk->type_len), types[i].type)) walk->kind = types[i].kind;
    }
    return walk->kind ? NULL : error_new(ERROR_UNSUPPORTED, "a CMS message of an unknown kind");
}

static error *keep_bytes(cms_walk *walk, span bytes) {
    buf_add(&walk->kept, bytes);
    return walk->kept.overflow ? error_new(ERROR_LIMIT, "the structures around the content are too large") : NULL;
}

static error *keep(cms_walk *walk, unsigned depth, const ber_element *element) {
    if (walk->part_count == PARTS_MAX) return error_new(ERROR_LIMIT, "a CMS message with too many members");
    part *p = &walk->parts[walk->part_count++];
    *p = (part){.identifier = element->identifier, .start = walk->kept.len, .of_info = walk->info_open};
    walk->place = KEEPING;
    walk->place_depth = depth;
    walk->children[depth + 1] = 0;
    return keep_bytes(walk, element->header);
}

static error *begin_kept_child(cms_walk *walk, unsigned depth, const ber_element *element) {
    const part *p = &walk->parts[walk->part_count - 1];
    bool certificates =
        walk->kind == CMS_KIND_SIGNED && p->identifier == BER_CONTEXT_0_CONSTRUCTED && depth == walk->place_depth + 1;
    if (++walk->children[depth] > (certificates ? CMS_CERTIFICATES_MAX : CMS_CHILDREN_MAX))
        return error_new(ERROR_LIMIT, "a CMS message with too many %s", certificates ? "certificates" : "members");
    walk->children[depth + 1] = 0;
    return keep_bytes(walk, element->header);
}

static error *begin_member(cms_walk *walk, unsigned depth, const ber_element *element) {
    bool sequence = element->identifier == BER_SEQUENCE;
    unsigned info_at = walk->kind == CMS_KIND_COMPRESSED ? 2 : 1; /* CompressedData has its algorithm before */
    if (sequence && ++walk->sequences == info_at) {
        walk->info_open = walk->info_seen = true;
        walk->before_info = walk->part_count;
        return NULL;
    }
    if (walk->kind == CMS_KIND_SIGNED && element->identifier == BER_CONTEXT_1_CONSTRUCTED) {
        walk->place = SKIPPING;
        walk->place_depth = depth;
        return NULL;
    }
    return keep(walk, depth, element);
}

/* EncryptedContentInfo: type, algorithm, [0] IMPLICIT OCTET STRING; EncapsulatedContentInfo: type, [0] EXPLICIT. */
static error *begin_info_member(cms_walk *walk, unsigned depth, const ber_element *element) {
    unsigned char id = element->identifier;
    if (walk->content_seen) return error_new(ERROR_INVALID, "more than one content in a CMS message");
    if (id == BER_OID || (id == BER_SEQUENCE && is_encrypted(walk))) return keep(walk, depth, element);
    if (id != BER_CONTEXT_0_CONSTRUCTED && !(id == BER_CONTEXT_0 && is_encrypted(walk)))
        return error_new(ERROR_INVALID, "an unexpected member beside the content of a CMS message");
    walk->content_seen = true;
    walk->place = IN_CONTENT;
    walk->place_depth = depth;
    walk->children[depth + 1] = 0;
    return begin_content(walk);
}

static error *begin_outer(cms_walk *walk, unsigned depth, const ber_element *element) {
    unsigned char id = element->identifier;
    bool right = false;
    if (depth == 0) right = id == BER_SEQUENCE;
    if (depth == DEPTH_TYPE) {
        unsigned at = walk->at_type++;
        right = at == 0 ? id == BER_OID : at == 1 && id == BER_CONTEXT_0_CONSTRUCTED && walk->kind;
    }
    if (depth == DEPTH_BODY) right = id == BER_SEQUENCE && walk->at_body++ == 0;
    return right ? NULL : error_new(ERROR_INVALID, "the bytes are no CMS message");
}

static error *on_begins(void *context, unsigned depth, const ber_element *element) {
    cms_walk *walk = context;
    if (walk->place == KEEPING) return begin_kept_child(walk, depth, element);
    if (walk->place == SKIPPING) return NULL;
    if (walk->place == IN_CONTENT) {
        bool octets = element->identifier == BER_OCTETS || element->identifier == BER_OCTETS_CONSTRUCTED;
        bool second = !is_encrypted(walk) && depth == walk->place_depth + 1 && walk->children[depth]++ > 0;
        if (octets && !second) return NULL;
        return error_new(ERROR_INVALID, "the content of a CMS message is not an octet string");
    }
    if (depth < DEPTH_MEMBER) return begin_outer(walk, depth, element);
    if (depth == DEPTH_MEMBER) return begin_member(walk, depth, element);
    return begin_info_member(walk, depth, element);
}

static error *on_bytes(void *context, span piece) {
    cms_walk *walk = context;
    switch (walk->place) {
    case KEEPING: return keep_bytes(walk, piece);
    case IN_CONTENT: return walk->handler.content(walk->handler.context, piece);
    case SKIPPING: return NULL;
    case OUTSIDE: break;
    }
    /* The only primitive that is open outside is the type. */
    if (piece.len > TYPE_MAX - walk->type_len) return error_new(ERROR_UNSUPPORTED, "a CMS message of an unknown kind");
    memcpy(walk->type + walk->type_len, piece.data, piece.len);
    walk->type_len += piece.len;
    return NULL;
}

static error *on_ends(void *context, unsigned depth, bool indefinite) {
    cms_walk *walk = context;
    if (walk->place == KEEPING) {
        error *err = indefinite ? keep_bytes(walk, SPAN("\0\0")) : NULL;
        if (err) return err;
    }
    if (walk->place != OUTSIDE) {
        if (depth > walk->place_depth) return NULL;
        part *p = walk->place == KEEPING ? &walk->parts[walk->part_count - 1] : NULL;
        if (p) p->len = walk->kept.len - p->start;
        walk->place = OUTSIDE;
        return NULL;
    }
    if (depth == DEPTH_MEMBER) walk->info_open = false;
    if (depth == DEPTH_TYPE && walk->at_type == 1) return know_type(walk);
    if (depth == 0 && !walk->info_seen) return error_new(ERROR_INVALID, "a CMS message without its members");
    return depth == 0 ? begin_content(walk) : NULL;
}

cms_walk *cms_walk_new(const cms_walk_handler *handler) {
    cms_walk *walk = xcalloc(1, sizeof *walk);
    ber_handler events = {.begins = on_begins, .bytes = on_bytes, .ends = on_ends, .context = walk};
    walk->handler = *handler;
    walk->kept = BUF_MAX(CMS_SKELETON_MAX);
    ber_walk_start(&walk->ber, &events);
    return walk;
}

error *cms_walk_write(cms_walk *walk, span piece) {
    return ber_walk_write(&walk->ber, piece);
}

error *cms_walk_finish(cms_walk *walk) {
    return ber_walk_finish(&walk->ber);
}

void cms_walk_free(cms_walk *walk) {
    if (!walk) return;
    buf_free(&walk->kept);
    free(walk);
}

cms_kind cms_walk_kind(const cms_walk *walk) {
    return walk->kind;
}

bool cms_walk_has_content(const cms_walk *walk) {
    return walk->content_seen;
}

static span part_bytes(const cms_walk *walk, const part *p) {
    return span_make(buf_text(&walk->kept) + p->start, p->len);
}

static const part *find_part(const cms_walk *walk, unsigned char identifier, bool of_info, size_t from) {
    for (size_t i = from; i < walk->part_count; i++) {
        if ((walk->parts[i].identifier & ~BER_CONSTRUCTED_BIT) == (identifier & ~BER_CONSTRUCTED_BIT) &&
            walk->parts[i].of_info == of_info)
            return &walk->parts[i];
    }
    return NULL;
}

span cms_walk_algorithm(const cms_walk *walk) {
    const part *p = find_part(walk, BER_SEQUENCE, is_encrypted(walk), 0);
    return p && p->len ? part_bytes(walk, p) : SPAN("");
}

span cms_walk_digest_algorithms(const cms_walk *walk) {
    const part *p = walk->kind == CMS_KIND_SIGNED ? find_part(walk, BER_SET, false, 0) : NULL;
    return p ? part_bytes(walk, p) : SPAN("");
}

span cms_walk_tag(const cms_walk *walk) {
    const part *p = walk->kind == CMS_KIND_AUTH_ENVELOPED ? find_part(walk, BER_OCTETS, false, 0) : NULL;
    return p ? part_bytes(walk, p) : SPAN("");
}

bool cms_walk_has_authenticated_attributes(const cms_walk *walk) {
    return walk->kind == CMS_KIND_AUTH_ENVELOPED &&
           find_part(walk, BER_CONTEXT_1_CONSTRUCTED, false, walk->before_info) != NULL;
}

static void add_wrapped(buf *out, unsigned char identifier, const buf *content) {
    unsigned char header[BER_HEADER_MAX];
    size_t len = ber_header(identifier, content->len, header);
    buf_add(out, span_make((const char *)header, len));
    buf_add(out, buf_span(content));
}

void cms_walk_skeleton(const cms_walk *walk, buf *der) {
    static const char zero_tag[2 + TAG_BYTES] = {BER_OCTETS, TAG_BYTES};
    buf info = BUF_MAX(CMS_SKELETON_MAX), members = BUF_MAX(2 * CMS_SKELETON_MAX), body = BUF_MAX(2 * CMS_SKELETON_MAX);
    buf whole = BUF_MAX(2 * CMS_SKELETON_MAX), type = BUF_MAX(TYPE_MAX), wrapped = BUF_MAX(2 * CMS_SKELETON_MAX);
    for (size_t i = 0; i < walk->part_count; i++) {
        if (walk->parts[i].of_info) buf_add(&info, part_bytes(walk, &walk->parts[i]));
    }
    for (size_t i = 0; i <= walk->part_count; i++) {
        if (i == walk->before_info) add_wrapped(&members, BER_SEQUENCE, &info);
        if (i < walk->part_count && !walk->parts[i].of_info) buf_add(&members, part_bytes(walk, &walk->parts[i]));
    }
    if (walk->kind == CMS_KIND_AUTH_ENVELOPED && cms_walk_tag(walk).len == 0)
        buf_add(&members, span_make(zero_tag, sizeof zero_tag));
    add_wrapped(&body, BER_SEQUENCE, &members);
    buf_add(&type, span_make((const char *)walk->type, walk->type_len));
    add_wrapped(&whole, BER_OID, &type);
    add_wrapped(&wrapped, BER_CONTEXT_0_CONSTRUCTED, &body);
    buf_add(&whole, buf_span(&wrapped));
    add_wrapped(der, BER_SEQUENCE, &whole);
    buf_free(&info);
    buf_free(&members);
    buf_free(&body);
    buf_free(&whole);
    buf_free(&type);
    buf_free(&wrapped);
}
