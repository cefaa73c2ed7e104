/* core/app/configuration.h: the settings of the program: banyan.yaml, the environment, the defaults.
 *
 * One table describes them all; checking, `banyan help settings` and the names of the environment variables follow from
 * it. Read once by `banyan serve` before anything starts; the command line reads only `data` by way of client.h.
 */
#ifndef BANYAN_CORE_APP_CONFIGURATION_H
#define BANYAN_CORE_APP_CONFIGURATION_H

#include "core/base/settings.h"

#include <stdio.h>

/* Groups ("listen", "tls") are objects with a nested table; nothing is nested deeper. */
extern const setting configuration_settings[];

/* Reads `path`; NULL: banyan.yaml here, or /etc/banyan/banyan.yaml, or none at all. The environment overrides the file.
 * Everything found wrong goes to `faults`, each with its place ("banyan.yaml:3:5", "BANYAN_PUBLIC"); *configuration is
 * NULL then, else a new reference. */
void configuration_load(const char *path, json_t **configuration, fault_list *faults);

/* Puts `text` in the place of what the setting `name` ("listen.public") has, as a flag of the command line does; a
 * fault names `source` ("--public"). */
void configuration_set(
    json_t *configuration, const char *name, const char *text, const char *source, fault_list *faults);

/* A line for people on every variable of the environment that begins with BANYAN_ and means nothing to the program:
 * most often a setting with a slip in its name. Those that Kubernetes sets for a service named banyan are left out. */
void configuration_unknown_variables(fault_list *told);

/* Values by their dotted name ("listen.public"), defaults applied. Texts live as long as the configuration; NULL when
 * absent without a default. Durations are in milliseconds, sizes in bytes. */
const char *configuration_text(const json_t *configuration, const char *name);
int64_t configuration_integer(const json_t *configuration, const char *name);

/* The directory of the state: `data`, or by default /var/lib/banyan as a service (systemd sets STATE_DIRECTORY), else
 * ./banyan-data. Lives as long as the configuration and the environment. */
const char *configuration_data(const json_t *configuration);

/* "listen.public" -> "BANYAN_PUBLIC", "tls.client_ca" -> "BANYAN_TLS_CLIENT_CA"; owned by the caller. */
char *configuration_variable(const char *group, const char *name);

/* The settings in force, for people: [{"name": "listen.public", "variable", "help", "value": as it was written, or the
 * default as help tells it; null: none, "set": whether anybody set it}]; what is secret is only said to be set. New
 * reference. */
json_t *configuration_list(const json_t *configuration);

/* What `banyan help settings` shows. */
void configuration_help(FILE *out);

#endif
