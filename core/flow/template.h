/* core/flow/template.h: file names and paths with {variables}. */
#ifndef BANYAN_CORE_FLOW_TEMPLATE_H
#define BANYAN_CORE_FLOW_TEMPLATE_H

#include "core/base/json.h"

/* Replaces each {name} by the member of that name; {a.b} looks into the object a. Values are reduced to one path part:
 * slashes, backslashes and control characters become "_", a leading dot too. Only the template's own slashes make
 * directories, but for {name...}, whose value is a path of several such parts. ERROR_INVALID names a variable that has
 * no value. */
must_check error *template_expand(const char *template, const json_t *variables, buf *out);

/* Does every brace close, around a name? For checking configuration. */
must_check error *template_check(const char *template);

#endif
