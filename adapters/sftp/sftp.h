/* adapters/sftp/sftp.h: the adapter for SFTP servers. The design is in README.md beside it. */
#ifndef BANYAN_ADAPTERS_SFTP_H
#define BANYAN_ADAPTERS_SFTP_H

#include "adapters/adapter.h"

extern const adapter adapter_sftp;

#endif
