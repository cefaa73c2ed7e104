/* adapters/ftp/listing.h: what FTP servers write when they list a directory.
 *
 * MLSD has a grammar (RFC 3659 §7); LIST is what each server likes: lines as `ls -l` of Unix writes them, or those of
 * DOS. A line that is neither is left out. Times of LIST have no zone and no seconds: they are not told.
 */
#ifndef BANYAN_ADAPTERS_FTP_LISTING_H
#define BANYAN_ADAPTERS_FTP_LISTING_H

#include "adapters/remote_look.h"

must_check error *ftp_listing_read(span text, bool machine_readable, remote_each *each, void *each_context);

#endif
