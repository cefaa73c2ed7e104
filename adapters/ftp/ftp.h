/* adapters/ftp/ftp.h: files at an FTP or FTPS server. */
#ifndef BANYAN_ADAPTERS_FTP_FTP_H
#define BANYAN_ADAPTERS_FTP_FTP_H

#include "adapters/adapter.h"

extern const adapter adapter_ftp;

#endif
