/* adapters/file/file.h: the adapter for directories of files. The design is in README.md beside it. */
#ifndef BANYAN_ADAPTERS_FILE_H
#define BANYAN_ADAPTERS_FILE_H

#include "adapters/adapter.h"

extern const adapter adapter_file;

#endif
