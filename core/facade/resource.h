/* core/facade/resource.h: files as resources that are written and listed while the caller waits (the setting `files`).
 *
 * Without it a file back-end reads, removes, and takes what is sent as durable messages that are delivered later. With
 * `files: {put: now}` a PUT is stored at the back-end before it is answered, and If-Match and If-None-Match are held;
 * with `files: {list: true}` a GET of a path that ends in a slash, or is empty, lists what is there.
 *
 * Entity tags are the SHA-256 of the bytes. A file store knows no compare-and-swap: between the look at the tag and the
 * change somebody else may have written.
 */
#ifndef BANYAN_CORE_FACADE_RESOURCE_H
#define BANYAN_CORE_FACADE_RESOURCE_H

#include "core/facade/exchange_inside.h"

/* Is this request a listing, a PUT that is stored now, or a conditional DELETE? */
bool resource_takes(const exchange *x);
void resource_start(exchange *x);

#endif
