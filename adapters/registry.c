/* adapters/registry.c: every kind of connection, one line each. */
#include "adapters/adapter.h"

#include "adapters/as2/as2.h"
#include "adapters/file/file.h"
#include "adapters/ftp/ftp.h"
#include "adapters/http/http.h"
#include "adapters/mail/mail.h"
#include "adapters/sftp/sftp.h"

const adapter *const adapters[] = {
    &adapter_as2,
    &adapter_file,
    &adapter_sftp,
    &adapter_ftp,
    &adapter_http,
    &adapter_mail,
    NULL,
};

const adapter *adapter_find(const char *kind) {
    for (const adapter *const *each = adapters; *each; each++) {
        if (strcmp((*each)->kind, kind) == 0) return *each;
    }
    return NULL;
}
