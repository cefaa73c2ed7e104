/* core/crypto/cms_ber.h: walks BER and DER as they arrive (X.690 §8), in constant memory.
 *
 * Bytes are pushed in pieces of any size; out come the beginning and end of every element and the content of the
 * primitive ones, in pieces. Lengths are held against the enclosing element before anything is believed, nesting is
 * bounded, and nothing is kept but the ends of the open elements: the walker never allocates. Used by cms_walk.h, in
 * couriers; the handler's context belongs to the caller.
 */
#ifndef BANYAN_CRYPTO_CMS_BER_H
#define BANYAN_CRYPTO_CMS_BER_H

#include "core/base/error.h"

enum {
    BER_DEPTH_MAX = 32,
    BER_HEADER_MAX = 10, /* identifier, length of length, eight octets of length */
    BER_OID_MAX = 64     /* bytes of an object identifier (CM-02) */
};

/* Identifier octets, the constructed bit included. */
enum {
    BER_INTEGER = 0x02,
    BER_OCTETS = 0x04,
    BER_OCTETS_CONSTRUCTED = 0x24,
    BER_OID = 0x06,
    BER_SEQUENCE = 0x30,
    BER_SET = 0x31,
    BER_CONTEXT_0 = 0x80,
    BER_CONTEXT_0_CONSTRUCTED = 0xa0,
    BER_CONTEXT_1_CONSTRUCTED = 0xa1,
    BER_CONTEXT_2_CONSTRUCTED = 0xa2,
    BER_CONSTRUCTED_BIT = 0x20
};

typedef struct ber_element {
    unsigned char identifier;
    bool indefinite;
    uint64_t length; /* of the content; 0 when indefinite */
    span header;     /* identifier and length as they were read */
} ber_element;

/* depth 0 is the outermost element. After an error the walker is not to be used again. */
typedef struct ber_handler {
    error *(*begins)(void *context, unsigned depth, const ber_element *element);
    error *(*bytes)(void *context, span piece); /* content of the primitive element that began last */
    error *(*ends)(void *context, unsigned depth, bool indefinite);
    void *context;
} ber_handler;

typedef struct ber_walk {
    ber_handler handler;
    struct {
        uint64_t end; /* offset at which the element must end; for an indefinite one that of what encloses it */
        bool indefinite;
    } open[BER_DEPTH_MAX];
    unsigned depth; /* elements open */
    uint64_t offset, primitive_left, trailing;
    bool in_primitive, done;
    unsigned char header[BER_HEADER_MAX];
    size_t header_len;
} ber_walk;

void ber_walk_start(ber_walk *walk, const ber_handler *handler);

/* ERROR_INVALID with the offset when the bytes are not BER, or more follows the one element than line ends. */
must_check error *ber_walk_write(ber_walk *walk, span piece);

/* ERROR_INVALID when the element is not complete. */
must_check error *ber_walk_finish(const ber_walk *walk);

/* The next element of a definite-length text in memory: its identifier, its content, and the whole with its header;
 * moves `rest` behind it. False when `rest` is not such an element. */
bool ber_next(span *rest, unsigned char *identifier, span *content, span *whole);

/* Writes identifier and definite length; returns how many of the BER_HEADER_MAX bytes were used. */
size_t ber_header(unsigned char identifier, uint64_t length, unsigned char out[BER_HEADER_MAX]);

#endif
