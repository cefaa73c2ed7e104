/* core/flow/versions.h: the versions of scripts: each source or test that was ever published, numbered from 1.
 *
 * The object "scripts/NAME" is what runs; beside it stand "script-versions/NAME/000001" and so on, which are never
 * changed, and "script-drafts/NAME/AUTHOR", which run only where their author asks for it.
 */
#ifndef BANYAN_CORE_FLOW_VERSIONS_H
#define BANYAN_CORE_FLOW_VERSIONS_H

#include "core/store/store.h"

/* Called while a change of the configuration is planned: `body` becomes the script's object and gets its "version";
 * when source or test differ from `before` (NULL: there was none), the version is recorded in `change` with the note of
 * the body, which is taken out. */
must_check error *versions_note(
    store *s, store_change *change, const char *name, const json_t *before, json_t *body, const char *who);

/* [{"version","hash","note","at","author","current"}], newest first, without sources; new reference. ERROR_NOT_FOUND
 * for a script that never was. */
must_check error *versions_list(store *s, const char *name, json_t **out);

/* One of them with "source" and "test"; ERROR_NOT_FOUND. New reference. */
must_check error *versions_show(store *s, const char *name, int64_t version, json_t **out);

/* The draft of that author: {"source","test","note","base","at"}; ERROR_NOT_FOUND when there is none. */
must_check error *versions_draft(store *s, const char *name, const char *author, json_t **out);
must_check error *versions_put_draft(store *s, const char *name, const char *author, const json_t *draft);
must_check error *versions_drop_draft(store *s, const char *name, const char *author);

#endif
