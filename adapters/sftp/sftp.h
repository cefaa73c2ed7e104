/* adapters/sftp/sftp.h: the adapter for SFTP servers. See README.md beside it for the design. */
#ifndef BANYAN_ADAPTERS_SFTP_H
#define BANYAN_ADAPTERS_SFTP_H

#include "adapters/adapter.h"

extern const adapter adapter_sftp;

#endif
