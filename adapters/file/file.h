/* adapters/file/file.h: the adapter for directories of files. See README.md beside it for the design. */
#ifndef BANYAN_ADAPTERS_FILE_H
#define BANYAN_ADAPTERS_FILE_H

#include "adapters/adapter.h"

extern const adapter adapter_file;

#endif
